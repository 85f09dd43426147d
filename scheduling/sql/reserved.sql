-- What is reserved, as the calendars in memory know it. An argument that is null stands for all.

-- name: calendar_reserved
select v.resource_no, v.from_cell, v.to_cell, v.appointment_id, extract(epoch from v.held_until)::float8,
       r.resource_id
  from live_reservation v
  join schedule_resource r on r.no = v.resource_no
 where $1::uuid[] is null or v.appointment_id = any($1)
 order by v.resource_no, v.from_cell;

-- name: calendar_used
select center_id, on_day, counter, used
  from capacity_use
 where on_day >= $2 and ($1::uuid[] is null or center_id = any($1))
 order by center_id, on_day, counter;

-- name: centers_of_appointments
select distinct center_id from appointment where id = any($1::uuid[]) order by center_id;
