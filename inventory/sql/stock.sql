-- name: stock_rows
-- Every vehicle that has stood in somebody's stock, with its open entry or else its last; $1: these vehicles, or null for all.
-- A car that has left stands in nobody's stock: the row policies show it to the organisation alone.
select v.id, v.version + e.version - 1 as version, v.vin, v.registration_number, e.stock_number, v.listing_number,
       coalesce(e.brand, v.brand) as brand, v.make, v.model, v.trim, v.model_year, v.model_code, v.body_style,
       v.drivetrain, v.fuel_type, v.transmission, v.exterior_color, v.interior_color, v.condition, e.status, e.holds,
       case when e.left_on is null then e.visibility else 'OWN_GROUP' end as visibility, e.available_on,
       e.price_minor, e.price_currency, e.price_tax, v.odometer_value, v.odometer_unit, v.odometer_status,
       v.odometer_km, v.options, v.attributes, v.photos, e.location_id, v.dealer_account_id,
       d.parent_account_id as group_account_id, e.in_stock_since, l.latitude, l.longitude
  from vehicle v
  join lateral (select * from stock_entry s where s.vehicle_id = v.id
                 order by s.left_on desc nulls first, s.created_at desc, s.id desc limit 1) e on true
  left join location l on l.id = e.location_id
  left join account d on d.id = v.dealer_account_id
 where $1::uuid[] is null or v.id = any($1::uuid[])
 order by v.id;

-- name: stock_copy
-- The same of all vehicles for COPY, cheaper by one look-up a vehicle: c is looked for where there is no open entry o, so
-- one of the two is null throughout. Places and dealers are joined by whoever reads it.
select v.id, v.version + coalesce(o.version, c.version) - 1 as version, v.vin, v.registration_number,
       coalesce(o.stock_number, c.stock_number) as stock_number, v.listing_number,
       coalesce(o.brand, c.brand, v.brand) as brand, v.make, v.model, v.trim, v.model_year, v.model_code, v.body_style,
       v.drivetrain, v.fuel_type, v.transmission, v.exterior_color, v.interior_color, v.condition,
       coalesce(o.status, c.status) as status, coalesce(o.holds, c.holds) as holds,
       case when o.id is null then 'OWN_GROUP' else o.visibility end as visibility,
       coalesce(o.available_on, c.available_on) as available_on, coalesce(o.price_minor, c.price_minor) as price_minor,
       coalesce(o.price_currency, c.price_currency) as price_currency, coalesce(o.price_tax, c.price_tax) as price_tax,
       v.odometer_value, v.odometer_unit, v.odometer_status, v.odometer_km, v.options, v.attributes, v.photos,
       coalesce(o.location_id, c.location_id) as location_id, v.dealer_account_id,
       coalesce(o.in_stock_since, c.in_stock_since) as in_stock_since
  from vehicle v
  left join stock_entry o on o.vehicle_id = v.id and o.left_on is null
  left join lateral (select * from stock_entry s where o.id is null and s.vehicle_id = v.id
                      order by s.left_on desc, s.created_at desc, s.id desc limit 1) c on true
 where o.id is not null or c.id is not null;

-- name: location_points
select id, latitude, longitude from location where latitude is not null and longitude is not null order by id;

-- name: changes_waiting
-- How many changes of these record types ($2) have been committed since a state ($1); counted up to $3.
select count(*) from (
  select from history
   where xid >= pg_snapshot_xmin($1::text::pg_snapshot) and not pg_visible_in_snapshot(xid, $1::text::pg_snapshot)
     and entity = any($2::text[]) limit $3) waiting;

-- name: vehicles_of_entries
select distinct vehicle_id from stock_entry where id = any($1::uuid[]) order by vehicle_id;

-- name: vehicles_at_locations
select distinct vehicle_id from stock_entry where location_id = any($1::uuid[]) order by vehicle_id;

-- name: vehicles_of_dealers
select distinct vehicle_id from stock_entry where dealer_account_id = any($1::uuid[]) order by vehicle_id;

-- name: vehicle_seen
-- One vehicle as its row policies let the caller see it; a car that stands in no stock any more counts as sold.
select v.id, v.version + coalesce(e.version, 1) - 1 as version, v.vin, v.registration_number, e.stock_number,
       v.listing_number, coalesce(e.brand, v.brand) as brand, v.make, v.model, v.trim, v.model_year, v.model_code,
       v.body_style, v.drivetrain, v.fuel_type, v.transmission, v.exterior_color, v.interior_color, v.condition,
       coalesce(e.status, 'SOLD') as status, coalesce(e.holds, '{}') as holds,
       case when e.left_on is null then coalesce(e.visibility, 'OWN_GROUP') else 'OWN_GROUP' end as visibility,
       e.available_on, e.price_minor, e.price_currency, e.price_tax,
       v.odometer_value, v.odometer_unit, v.odometer_status, v.odometer_km, v.options, v.attributes, v.photos,
       e.location_id, v.dealer_account_id, e.in_stock_since
  from vehicle v
  left join lateral (select * from stock_entry s where s.vehicle_id = v.id
                      order by s.left_on desc nulls first, s.created_at desc, s.id desc limit 1) e on true
 where v.id = $1;
