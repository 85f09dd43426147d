-- What booking reads, each in one trip.

-- name: booking_center
select c.id, c.account_id, c.time_zone, c.cancel_cutoff_minutes, c.reschedule_cutoff_minutes, c.no_show_after_minutes,
       c.max_holds, c.waitlist_offer_minutes,
       array(select w.code from work_type w where w.code = any($2::text[]) and w.kind = $3 and w.is_active) as works,
       (select t.id from technician t where t.id = $4::uuid and t.is_active) as technician_id
  from service_center c
 where c.id = $1 and c.is_active;

-- name: booking_asset
select a.id, a.account_id, a.contact_id, v.id as vehicle_id, v.definition_id,
       coalesce(v.brand, d.brand, a.brand) as brand, coalesce(v.make, d.make) as make,
       coalesce(v.model, d.model) as model, coalesce(v.trim, d.trim) as trim,
       coalesce(v.model_year, d.model_year) as model_year, coalesce(v.model_code, d.model_code) as model_code,
       coalesce(v.body_style, d.body_style) as body_style, coalesce(v.drivetrain, d.drivetrain) as drivetrain,
       coalesce(v.fuel_type, d.fuel_type) as fuel_type, coalesce(v.transmission, d.transmission) as transmission,
       v.condition, v.odometer_km, v.options
  from asset a
  left join vehicle v on v.asset_id = a.id
  left join vehicle_definition d on d.id = v.definition_id
 where a.id = $1;

-- name: booking_vehicle
select v.asset_id as id, a.account_id, a.contact_id,
       v.id as vehicle_id, v.definition_id,
       coalesce(v.brand, d.brand) as brand, v.make, coalesce(v.model, d.model) as model,
       coalesce(v.trim, d.trim) as trim, coalesce(v.model_year, d.model_year) as model_year,
       coalesce(v.model_code, d.model_code) as model_code, coalesce(v.body_style, d.body_style) as body_style,
       coalesce(v.drivetrain, d.drivetrain) as drivetrain, coalesce(v.fuel_type, d.fuel_type) as fuel_type,
       coalesce(v.transmission, d.transmission) as transmission, v.condition, v.odometer_km, v.options
  from vehicle v
  left join vehicle_definition d on d.id = v.definition_id
  left join asset a on a.id = v.asset_id
 where v.id = $1;

-- name: booking_definition
select null::uuid as id, null::uuid as account_id, null::uuid as contact_id,
       null::uuid as vehicle_id, d.id as definition_id, d.brand, d.make, d.model, d.trim, d.model_year, d.model_code,
       d.body_style, d.drivetrain, d.fuel_type, d.transmission
  from vehicle_definition d
 where d.id = $1;

-- name: booking_contact
select id, account_id, nullif(concat_ws(' ', first_name, last_name), '') as name, email, phone
  from contact
 where id = $1;

-- name: zones_of_centers
select id, time_zone from service_center where id = any($1::uuid[]);

-- name: waiting_at
select id from waitlist_entry
 where center_id = $1 and status = 'WAITING' and latest > $2
 order by queued_at, id limit $3;

-- name: entries_due
select w.id, w.center_id
  from waitlist_entry w
  left join appointment a on a.id = w.appointment_id
 where (w.status = 'OFFERED' and a.status in ('EXPIRED', 'CANCELLED'))
    or (w.status = 'WAITING' and w.latest <= $1)
 order by w.id limit $2;

-- name: past_its_time_at
select exists (
  select from appointment
   where center_id = $1 and ((status = 'HELD' and held_until <= clock_timestamp()) or proposed_until <= clock_timestamp()));

-- name: anything_due
select exists (select from appointment where status = 'HELD' and held_until <= clock_timestamp())
       or exists (select from appointment where proposed_until <= clock_timestamp());

-- name: centers_waited_at
select distinct center_id from waitlist_entry where status = 'WAITING' and latest > clock_timestamp();

-- name: live_from
select id, start
  from appointment
 where status in ('HELD', 'BOOKED', 'CHECKED_IN') and (start, id) > ($1, $2::uuid)
   and ($3::uuid[] is null or center_id = any($3)) and ($4::uuid[] is null or account_id = any($4))
 order by start, id limit $5;
