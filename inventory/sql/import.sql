-- name: import_stage
-- Puts rows of a file into waiting; those that are rejects already have their outcome.
insert into vehicle_import_row (
  import_id, number, account_id, outcome, first_identity, identities, vehicle, entry, attributes, raw, cleared_attributes,
  cleared_raw, place, place_name, dealer, warnings, reasons, text, cells, new_vehicle_id, new_entry_id, new_location_id)
select $1, r.number, $2, r.outcome, r.first_identity, r.identities, r.vehicle, r.entry, r.attributes, r.raw,
       r.cleared_attributes, r.cleared_raw, r.place, r.place_name, r.dealer, r.warnings, r.reasons, r.text, r.cells,
       r.new_vehicle_id, r.new_entry_id, r.new_location_id
  from jsonb_to_recordset($3) r (
    number bigint, outcome text, first_identity text, identities jsonb, vehicle jsonb, entry jsonb, attributes jsonb,
    raw jsonb, cleared_attributes text[], cleared_raw text[], place jsonb, place_name text, dealer text, warnings jsonb,
    reasons jsonb, text text, cells jsonb, new_vehicle_id uuid, new_entry_id uuid, new_location_id uuid);

-- name: import_analyze
select app.import_analyze();

-- name: import_count_equal_rows
-- Completes the key of rows known by their content: the first, second, … with that content.
update vehicle_import_row r
   set first_identity = r.first_identity || '-' || n.occurrence,
       identities = jsonb_set(r.identities, '{0,key}', to_jsonb((r.identities #>> '{0,key}') || '-' || n.occurrence))
  from (select number, row_number() over (partition by first_identity order by number) as occurrence
          from vehicle_import_row where import_id = $1 and first_identity like 'ROW\_HASH|%') n
 where r.import_id = $1 and r.number = n.number;

-- name: import_supersede_by_identity
-- Of several rows of one car the last counts.
update vehicle_import_row set outcome = 'SUPERSEDED'
 where import_id = $1 and number = any(array(
   select number
     from (select number, lead(number) over (partition by first_identity order by number) as later
             from vehicle_import_row where import_id = $1 and outcome is null) rows
    where later is not null));

-- name: import_supersede_by_vehicle
-- The same for rows that name one stored car in different ways.
update vehicle_import_row set outcome = 'SUPERSEDED'
 where import_id = $1 and number = any(array(
   select number
     from (select number, lead(number) over (partition by vehicle_id order by number) as later
             from vehicle_import_row where import_id = $1 and outcome is null and vehicle_id is not null) rows
    where later is not null));

-- name: import_range
-- The next rows from $2 on, at most $3 of them: first and last number.
select min(number), max(number) from (
  select number from vehicle_import_row where import_id = $1 and number >= $2 order by number limit $3) rows;

-- name: import_waiting
select number from vehicle_import_row where import_id = $1 and outcome is null order by number limit $2;

-- name: import_match
select app.import_match($1, $2, $3, $4, $5);

-- name: import_apply
select app.import_apply($1, $2, $3);

-- name: import_reject
update vehicle_import_row set outcome = 'REJECTED', reasons = $3 where import_id = $1 and number = $2 and outcome is null;

-- name: import_missing
-- Open entries of the scope that no row of the file names: how many, how many of them are reserved or under way to another
-- location, and all of the scope.
select count(*) filter (where is_missing and not is_kept) as closing,
       count(*) filter (where is_missing and is_kept) as reserved,
       count(*) as standing
  from (select e.status = 'RESERVED' or e.transfer_order_id is not null as is_kept, not exists (select from vehicle_import_row r where r.import_id = $1 and r.vehicle_id = e.vehicle_id)
                 as is_missing
          from stock_entry e
         where e.left_on is null and (e.dealer_account_id = $2 or e.location_id = $3)) entries;

-- name: import_close
-- Ends the stay of at most $5 of them that are neither reserved nor under way.
update stock_entry e set left_on = greatest($4, e.in_stock_since), status = 'RETIRED'
 where e.id in (
   select e.id from stock_entry e
    where e.left_on is null and (e.dealer_account_id = $2 or e.location_id = $3) and e.status <> 'RESERVED'
      and e.transfer_order_id is null
      and not exists (select from vehicle_import_row r where r.import_id = $1 and r.vehicle_id = e.vehicle_id)
    order by e.id limit $5 for no key update);

-- name: import_tally
select outcome, count(*) as rows, coalesce(sum(jsonb_array_length(warnings)), 0) as warnings
  from vehicle_import_row where import_id = $1 group by outcome order by outcome;

-- name: import_forget
-- What became of good rows stands in their cars; rejects stay to be mended.
delete from vehicle_import_row where import_id = $1 and outcome <> 'REJECTED';

-- name: import_rejects
select number, text, cells, reasons from vehicle_import_row
 where import_id = $1 and outcome = 'REJECTED' and number > $2 order by number limit $3;

-- name: import_places
-- Stores postcodes; `is_new` tells those made from those changed, and unchanged ones do not come back.
insert into postcode (country, code, latitude, longitude, city, region)
select r.country, r.code, r.latitude, r.longitude, r.city, r.region
  from jsonb_to_recordset($1) r (country text, code text, latitude double precision, longitude double precision, city text,
                                 region text)
 order by r.country, r.code
on conflict (country, code) do update
   set latitude = excluded.latitude, longitude = excluded.longitude, city = excluded.city, region = excluded.region
 where (postcode.latitude, postcode.longitude, postcode.city, postcode.region)
       is distinct from (excluded.latitude, excluded.longitude, excluded.city, excluded.region)
returning xmax = 0 as is_new;

-- name: import_place_locations
-- Gives locations that have a postcode and no point the point of their postcode, at most $1 at a time.
update location l set latitude = p.latitude, longitude = p.longitude
  from (select l.id, p.latitude, p.longitude from location l join postcode p on p.country = l.country and p.code = l.postcode
         where l.latitude is null order by l.id limit $1) p
 where l.id = p.id;
