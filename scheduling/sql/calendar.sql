-- What the calendars in memory are made of. An argument that is null stands for all.

-- name: calendar_centers
select c.id, c.time_zone, coalesce(k.version, 0), c.account_id, l.latitude, l.longitude, c.start_interval_minutes,
       c.franchises, c.holiday_country, c.holiday_subdivision, c.operating_hours_id, c.visiting_hours_id, c.transports
  from service_center c
  join location l on l.id = c.location_id
  left join center_calendar k on k.center_id = c.id
 where c.is_active and ($1::uuid[] is null or c.id = any($1))
 order by c.id;

-- name: calendar_versions
select center_id, version from center_calendar order by center_id;

-- name: calendar_hours
select id, time_zone, time_slots from operating_hours order by id;

-- name: calendar_overrides
select operating_hours_id, "on", time_slots from date_override order by operating_hours_id, "on", id;

-- name: calendar_holidays
select center_id, country, subdivision, "on", name from holiday order by "on", id;

-- name: calendar_rules
select center_id, kind, team, transport, minutes_per_day, percent, arrivals, per_day, weekdays, start, "end", from_on,
       to_on, release_at, release_days_before
  from capacity_rule
 where $1::uuid[] is null or center_id = any($1)
 order by center_id, id;

-- name: calendar_technicians
select r.no, t.id, t.center_id, c.time_zone, t.team, t.skills
  from technician t
  join schedule_resource r on r.resource_id = t.id
  join service_center c on c.id = t.center_id
 where t.is_active and ($1::uuid[] is null or t.id = any($1))
 order by r.no;

-- name: calendar_members
select technician_id, center_id, kind, from_on, to_on
  from territory_member
 where $1::uuid[] is null or technician_id = any($1)
 order by technician_id, from_on, id;

-- name: calendar_weeks
select technician_id, string_agg(weekly::text || ' ' || breaks::text, e'\n' order by weekly::text, id)
  from shift
 where weekly is not null and ($1::uuid[] is null or technician_id = any($1))
 group by technician_id
 order by technician_id;

-- name: calendar_shifts
select technician_id, start, "end", breaks
  from shift
 where weekly is null and "end" > $2 and ($1::uuid[] is null or technician_id = any($1))
 order by technician_id, start, id;

-- name: calendar_places
select r.no, p.id, p.kind, p.type, p.center_id, v.definition_id, v.brand
  from (select id, 'BAY' as kind, bay_type as type, center_id from bay where is_active
        union all
        select id, 'EQUIPMENT', equipment_type, center_id from equipment where is_active
        union all
        select vehicle_id, 'VEHICLE', 'LOANER', center_id from loaner_vehicle where is_active
        union all
        select vehicle_id, 'VEHICLE', 'DEMO_VEHICLE', center_id from demo_vehicle where is_active) p
  join schedule_resource r on r.resource_id = p.id
  left join vehicle v on v.id = p.id and p.kind = 'VEHICLE'
 where $1::uuid[] is null or p.id = any($1)
 order by r.no, p.type;

-- name: calendar_absences
select resource_id, id, (extract(epoch from start) / 300)::int, (extract(epoch from "end") / 300)::int
  from absence
 where "end" > $2 and ($1::uuid[] is null or resource_id = any($1::uuid[]::text[]))
 order by resource_id, start, id;

-- name: calendar_work
select w.id, w.code, w.kind, w.duration_minutes, w.durations, w.applies_to, w.block_before_minutes,
       w.block_after_minutes, w.required_skills, w.bay_type, w.further_resources, w.splittable, w.lead_time_minutes,
       w.max_days_ahead, w.start_interval_minutes, w.max_per_slot, w.max_per_day, w.franchise_function
  from work_type w
 where w.is_active
 order by w.code;

-- name: calendar_members_of
select distinct resource_id from (
  select id as resource_id from technician where center_id = any($1::uuid[])
  union all select technician_id from territory_member where center_id = any($1)
  union all select id from bay where center_id = any($1)
  union all select id from equipment where center_id = any($1)
  union all select vehicle_id from loaner_vehicle where center_id = any($1)
  union all select vehicle_id from demo_vehicle where center_id = any($1)) r
 order by resource_id;

-- name: calendar_centers_at
select id from service_center where location_id = any($1::uuid[]) order by id;

-- name: calendar_of_records
select technician_id::text from shift where id = any($1::uuid[])
union select resource_id from absence where id = any($1)
union select technician_id::text from territory_member where id = any($1)
 order by 1;

-- name: calendar_vehicles_of
select vehicle_id from loaner_vehicle where id = any($1::uuid[])
union select vehicle_id from demo_vehicle where id = any($1)
 order by 1;

-- name: calendar_centers_of_rules
select distinct center_id from capacity_rule where id = any($1::uuid[]) order by center_id;
