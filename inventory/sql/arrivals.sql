-- name: vehicles_changed_since
-- Cars that may be others to a search than in the state $1, beyond the id $2, at most $3.
with changed as materialized (
  select distinct entity, record_id from history
   where xid >= pg_snapshot_xmin($1::text::pg_snapshot) and not pg_visible_in_snapshot(xid, $1::text::pg_snapshot)
     and entity in ('vehicle', 'stock_entry', 'location'))
select id from (
  select record_id as id from changed where entity = 'vehicle'
  union
  select vehicle_id from stock_entry where id in (select record_id from changed where entity = 'stock_entry')
  union
  select vehicle_id from stock_entry
   where left_on is null and location_id in (select record_id from changed where entity = 'location')) cars
 where id > $2::uuid order by id limit $3;

-- name: stock_rows_at
-- The flattened vehicles $1 as they were in the state $2: what was changed since is undone by the history.
-- Columns as in stock_rows.
with undone as materialized (
  select h.record_id, bool_or(h.op = 'CREATE') as is_new,
         coalesce(jsonb_object_agg(c.key, c.value -> 0 order by h.seq desc) filter (where c.key is not null), '{}') as was
    from history h left join lateral jsonb_each(h.changes) c on h.op = 'UPDATE'
   where h.xid >= pg_snapshot_xmin($2::text::pg_snapshot) and not pg_visible_in_snapshot(h.xid, $2::text::pg_snapshot)
     and (h.entity = 'vehicle' and h.record_id = any($1::uuid[])
          or h.entity = 'stock_entry' and h.record_id in (select id from stock_entry where vehicle_id = any($1::uuid[])))
   group by 1),
cars as (
  select (jsonb_populate_record(v, coalesce(u.was, '{}'))).*
    from vehicle v left join undone u on u.record_id = v.id
   where v.id = any($1::uuid[]) and u.is_new is not true),
entries as materialized (
  select (jsonb_populate_record(s, coalesce(u.was, '{}'))).*
    from stock_entry s left join undone u on u.record_id = s.id
   where s.vehicle_id = any($1::uuid[]) and u.is_new is not true),
moved as materialized (
  select h.record_id, jsonb_object_agg(c.key, c.value -> 0 order by h.seq desc) as was
    from history h, jsonb_each(h.changes) c
   where h.xid >= pg_snapshot_xmin($2::text::pg_snapshot) and not pg_visible_in_snapshot(h.xid, $2::text::pg_snapshot)
     and h.entity = 'location' and h.op = 'UPDATE' and h.record_id in (select location_id from entries)
   group by 1),
points as (
  select (jsonb_populate_record(p, coalesce(m.was, '{}'))).*
    from location p left join moved m on m.record_id = p.id where p.id in (select location_id from entries))
select v.id, v.version + e.version - 1 as version, v.vin, v.registration_number, e.stock_number, v.listing_number,
       coalesce(e.brand, v.brand) as brand, v.make, v.model, v.trim, v.model_year, v.model_code, v.body_style,
       v.drivetrain, v.fuel_type, v.transmission, v.exterior_color, v.interior_color, v.condition, e.status, e.holds,
       case when e.left_on is null then e.visibility else 'OWN_GROUP' end as visibility, e.available_on,
       e.price_minor, e.price_currency, e.price_tax, v.odometer_value, v.odometer_unit, v.odometer_status,
       v.odometer_km, v.options, v.attributes, v.photos, e.location_id, v.dealer_account_id,
       d.parent_account_id as group_account_id, e.in_stock_since, l.latitude, l.longitude
  from cars v
  join lateral (select * from entries s where s.vehicle_id = v.id
                 order by s.left_on desc nulls first, s.created_at desc, s.id desc limit 1) e on true
  left join points l on l.id = e.location_id
  left join account d on d.id = v.dealer_account_id
 order by v.id;

-- name: open_stays
-- The open stock entries of the vehicles $1, and whether they began after the state $2.
select e.vehicle_id, e.id, exists (
         select from history h where h.entity = 'stock_entry' and h.record_id = e.id and h.op = 'CREATE'
            and not pg_visible_in_snapshot(h.xid, $2::text::pg_snapshot)) as is_new
  from stock_entry e where e.vehicle_id = any($1::uuid[]) and e.left_on is null;
