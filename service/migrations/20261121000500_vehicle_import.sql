-- migrate:up
set local search_path = public;
set local check_function_bodies = off;

-- A source may not name the model; the car is real all the same. One spelling may be the label of several languages.
alter table vehicle alter column model drop not null;
drop index value_alias_field_alias_key;
create unique index value_alias_field_alias_locale_key on value_alias (field, alias, locale);

-- Which point a postcode stands for.
create table postcode (
  country text not null constraint postcode_country check (country ~ '^[A-Z]{2}$'),
  code text not null,
  latitude double precision not null constraint postcode_latitude check (latitude between -90 and 90),
  longitude double precision not null constraint postcode_longitude check (longitude between -180 and 180),
  city text,
  region text,
  primary key (country, code)
);
grant select on postcode to forecourt_owner, forecourt_partner, forecourt_staff, forecourt_reader;
grant insert, update on postcode to forecourt_owner, forecourt_staff;

-- What a run of the import needs beside its record: to go on after a crash, and to write its rejects as they came.
create table vehicle_import_run (
  import_id uuid primary key references vehicle_import (id) on delete cascade,
  account_id uuid references account (id),
  file_format text not null constraint vehicle_import_run_format check (file_format in ('CSV', 'NDJSON')),
  header text[],
  mapping jsonb not null,
  is_staged boolean not null default false,
  closes_account_id uuid,
  closes_location_id uuid,
  is_confirmed boolean not null default false,
  constraint vehicle_import_run_one_scope check (closes_account_id is null or closes_location_id is null)
);

-- Every row of a file from the moment it is read. `outcome` is null while it waits; a reject keeps its text and reasons.
create table vehicle_import_row (
  import_id uuid not null references vehicle_import (id) on delete cascade,
  number bigint not null,
  account_id uuid,
  outcome text constraint vehicle_import_row_outcome
    check (outcome in ('CREATED', 'UPDATED', 'UNCHANGED', 'SUPERSEDED', 'REJECTED')),
  first_identity text,
  identities jsonb not null default '[]',
  vehicle jsonb not null default '{}',
  entry jsonb not null default '{}',
  attributes jsonb not null default '{}',
  raw jsonb not null default '{}',
  cleared_attributes text[] not null default '{}',
  cleared_raw text[] not null default '{}',
  external_keys jsonb not null default '[]',
  place jsonb,
  place_name text,
  dealer text,
  warnings jsonb not null default '[]',
  reasons jsonb not null default '[]',
  text text,
  cells jsonb,
  new_vehicle_id uuid not null,
  new_entry_id uuid not null,
  new_location_id uuid not null,
  holder_id uuid,
  location_id uuid,
  location_code text,
  vehicle_id uuid,
  entry_id uuid,
  brand text,
  primary key (import_id, number),
  constraint vehicle_import_row_reasons check ((outcome is not distinct from 'REJECTED') = (reasons <> '[]'))
);
create index vehicle_import_row_waiting_idx on vehicle_import_row (import_id, number) where outcome is null;
create index vehicle_import_row_rejects_idx on vehicle_import_row (import_id, number) where outcome = 'REJECTED';
create index vehicle_import_row_identity_idx on vehicle_import_row (import_id, first_identity);
create index vehicle_import_row_vehicle_idx on vehicle_import_row (import_id, vehicle_id);

do $$
declare name text;
begin
  foreach name in array array['vehicle_import_run', 'vehicle_import_row'] loop
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    execute format('create policy %I on %I for all to forecourt_owner using (true) with check (true)', name || '_owner_all', name);
    execute format('create policy %I on %I for all to forecourt_staff using (true) with check (true)', name || '_staff_all', name);
    execute format('create policy %I on %I for all to forecourt_partner using (account_id = any((select app.units())::uuid[]))
                    with check (account_id = any((select app.units())::uuid[]))', name || '_partner_all', name);
    execute format('grant select, insert, update, delete on %I to forecourt_partner, forecourt_staff', name);
  end loop;
end $$;

-- The system and key under which a car without VIN, external key and stock number is known: of one mapping at one account.
create function app.import_key(kind text, system text, key text, holder uuid) returns jsonb language sql immutable parallel safe
  as $$ select case when kind = 'EXTERNAL_KEY' then jsonb_build_object('system', system, 'key', key)
        else jsonb_build_object('system', 'import/' || system, 'key', coalesce(holder::text, '') || ':' || key) end $$;

-- Finds for the waiting rows of a range whose stock they tell of, where they stand and which car they are, looking past
-- row policies; refuses those that may not be stored. `accounts`: where the caller may import, null for anywhere.
create function app.import_match(of_import uuid, first_number bigint, last_number bigint, accounts uuid[], brands text[])
  returns void language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  update vehicle_import_row r
     set holder_id = coalesce(a.id, l.account_id, r.account_id), location_id = l.id
    from vehicle_import_row s
    left join lateral (select id from account where s.dealer is not null and (id::text = s.dealer or number = s.dealer)
                        order by id limit 1) a on true
    left join lateral (select id, account_id from location where s.place_name is not null
                        and (id::text = s.place_name or code = s.place_name) order by id limit 1) l on true
   where r.import_id = of_import and r.number between first_number and last_number and r.outcome is null
     and s.import_id = r.import_id and s.number = r.number;

  update vehicle_import_row r
     set location_code = 'I-' || left(encode(sha256(convert_to(coalesce(r.holder_id::text, '') || r.place::text, 'UTF8')), 'hex'), 24)
   where r.import_id = of_import and r.number between first_number and last_number and r.outcome is null and r.place is not null;
  update vehicle_import_row r set location_id = l.id from location l
   where r.import_id = of_import and r.number between first_number and last_number and r.outcome is null
     and r.location_code is not null and l.code = r.location_code;

  -- whatever else may name the car from now on is stored with it
  update vehicle_import_row r set external_keys = (
           select coalesce(jsonb_agg(app.import_key(i.kind, i.system, i.key, r.holder_id)), '[]')
             from jsonb_to_recordset(r.identities) i (kind text, system text, key text)
            where i.kind in ('EXTERNAL_KEY', 'KEY_COLUMNS', 'ROW_HASH'))
   where r.import_id = of_import and r.number between first_number and last_number and r.outcome is null;

  update vehicle_import_row r set vehicle_id = f.vehicle_id, entry_id = e.id,
         holder_id = coalesce(r.holder_id, e.dealer_account_id)
    from (select distinct on (s.number) s.number, m.vehicle_id
            from vehicle_import_row s,
                 lateral jsonb_to_recordset(s.identities) i (place int, kind text, system text, key text),
                 lateral (
                   select v.id as vehicle_id from vehicle v where i.kind = 'VIN' and v.vin = i.key
                   union all
                   select e.vehicle_id from stock_entry e where i.kind = 'STOCK_NUMBER' and e.left_on is null
                      and e.location_id = s.location_id and e.stock_number = i.key
                   union all
                   select k.record_id from external_key k, app.import_key(i.kind, i.system, i.key, s.holder_id) named
                    where i.kind in ('EXTERNAL_KEY', 'KEY_COLUMNS', 'ROW_HASH') and k.entity = 'vehicle'
                      and k.system = named ->> 'system' and k.key = named ->> 'key') m
           where s.import_id = of_import and s.number between first_number and last_number
           order by s.number, i.place) f
    left join stock_entry e on e.vehicle_id = f.vehicle_id and e.left_on is null
   where r.import_id = of_import and r.number = f.number and r.outcome is distinct from 'SUPERSEDED';

  update vehicle_import_row r
     set brand = coalesce(s.vehicle ->> 'brand', v.brand,
                          (select code from brand where lower(name) = lower(s.vehicle ->> 'make') order by code limit 1))
    from vehicle_import_row s left join vehicle v on v.id = s.vehicle_id
   where r.import_id = of_import and r.number between first_number and last_number and r.outcome is null
     and s.import_id = r.import_id and s.number = r.number;

  update vehicle_import_row r set outcome = 'REJECTED', reasons = jsonb_build_array(jsonb_build_object(
           'code', why.code, 'action', 'REJECT', 'sentence', why.sentence))
    from vehicle_import_row s
    left join vehicle v on v.id = s.vehicle_id
    left join stock_entry e on e.id = s.entry_id
    left join location l on l.id = s.location_id,
    lateral (select * from (values
      (1, s.dealer is not null and not exists (select from account where id::text = s.dealer or number = s.dealer),
       'account-unknown', 'dealer_account: no account is called so'),
      (2, accounts is not null and (s.holder_id is null or s.holder_id <> all(accounts)),
       'account-forbidden', 'the row belongs to an account into which you may not import'),
      (3, s.place_name is not null and s.location_id is null, 'location-unknown', 'location: no location is called so'),
      (4, l.account_id is not null and l.account_id is distinct from s.holder_id,
       'location-unknown', 'location: it belongs to another account'),
      (5, e.id is not null and e.dealer_account_id is distinct from s.holder_id,
       'held-elsewhere', 'another account holds this car; stock moves by transfer'),
      (6, v.id is not null and s.vehicle ? 'vin' and v.vin is not null and v.vin <> s.vehicle ->> 'vin',
       'identity-contradicted', 'the car known by this key has another VIN'),
      (7, v.id is null and s.vehicle ->> 'make' is null, 'make-missing', 'make: a car that is not in stock yet needs a make'),
      (8, brands is not null and (coalesce(s.brand, '') <> all(brands) or coalesce(v.brand, s.brand, '') <> all(brands)),
       'brand-forbidden', 'the car is of a brand that is not yours')
      ) w (rank, holds, code, sentence) where w.holds order by w.rank limit 1) why
   where r.import_id = of_import and r.number between first_number and last_number and r.outcome is null
     and s.import_id = r.import_id and s.number = r.number;
end $$;
revoke execute on function app.import_match from public;
grant execute on function app.import_match to forecourt_partner, forecourt_staff;

-- A file fills the table at once: plans made for the few rows before would take forever over the many after.
create function app.import_analyze() returns void language plpgsql volatile security definer
  set search_path = public, pg_temp as $$ begin analyze vehicle_import_row; end $$;
revoke execute on function app.import_analyze from public;
grant execute on function app.import_analyze to forecourt_partner, forecourt_staff;

-- A car's values with those of a row put over them.
create function app.import_over(v vehicle, r vehicle_import_row) returns vehicle language sql immutable
  as $$ select jsonb_populate_record(v, r.vehicle || jsonb_build_object(
          'attributes', (coalesce(v.attributes, '{}') - r.cleared_attributes) || r.attributes,
          'raw', (coalesce(v.raw, '{}') - r.cleared_raw) || r.raw,
          'external_keys', (
            select coalesce(jsonb_agg(k order by k ->> 'system', k ->> 'key'), '[]') from (
              select k from jsonb_array_elements(coalesce(v.external_keys, '[]')) k
               where not exists (select from jsonb_array_elements(r.external_keys) n where n ->> 'system' = k ->> 'system')
              union
              select k from jsonb_array_elements(r.external_keys) k) keys))) $$;

-- A stock entry's values likewise. Nothing but a command ends a reservation or a sale, and no file lifts the holds that
-- others put on a car.
create function app.import_over(e stock_entry, r vehicle_import_row) returns stock_entry language sql immutable
  as $$ select jsonb_populate_record(e, r.entry - '{status,holds}'::text[]
          || case when r.location_id is null then '{}' else jsonb_build_object('location_id', r.location_id) end
          || case when r.entry ? 'status' and (e.id is null or
                 ('{ON_ORDER,IN_TRANSIT,IN_STOCK}'::text[] @> array[e.status, r.entry ->> 'status']))
               then jsonb_build_object('status', r.entry ->> 'status') else '{}' end
          || case when r.entry ? 'holds' then jsonb_build_object('holds', (
                 select coalesce(jsonb_agg(hold order by array_position('{RECALL,QUALITY,DAMAGE,PREPARATION,TITLE}', hold)), '[]')
                   from (select jsonb_array_elements_text(r.entry -> 'holds')
                         union select h from unnest(e.holds) h where h in ('RECALL', 'QUALITY')) had (hold)))
               else '{}' end) $$;

-- Stores the waiting rows of a range, as the caller. Every one of them has an outcome afterwards.
create function app.import_apply(of_import uuid, first_number bigint, last_number bigint) returns void
  language plpgsql volatile set search_path = public, pg_temp as $$
declare moment timestamptz := app.moment();
begin
  -- in one order everywhere, so that two imports never wait for each other
  perform from vehicle where id in (
    select vehicle_id from vehicle_import_row
     where import_id = of_import and number between first_number and last_number and outcome is null)
   order by id for no key update;

  insert into location (id, created_at, updated_at, code, name, kind, latitude, longitude, postcode, country, address, account_id)
    select distinct on (r.location_code) r.new_location_id, moment, moment, r.location_code,
           coalesce(n.name, concat_ws(' ', coalesce(n.city, p.city), coalesce(n.region, p.region), n.postcode, n.country)),
           'DEALER_LOT',
           coalesce(n.latitude, p.latitude), coalesce(n.longitude, p.longitude), n.postcode, n.country,
           jsonb_strip_nulls(jsonb_build_object('street', n.address, 'city', coalesce(n.city, p.city),
             'region', coalesce(n.region, p.region), 'postcode', n.postcode, 'country', n.country)), r.holder_id
      from vehicle_import_row r,
           lateral jsonb_to_record(r.place) n (name text, address text, city text, region text, postcode text, country text,
                                               latitude double precision, longitude double precision)
      left join postcode p on p.country = n.country and p.code = n.postcode
     where r.import_id = of_import and r.number between first_number and last_number and r.outcome is null
       and r.location_code is not null and r.location_id is null
     order by r.location_code, r.number
    on conflict (code) do nothing;
  update vehicle_import_row r set location_id = l.id from location l
   where r.import_id = of_import and r.number between first_number and last_number and r.outcome is null
     and r.location_code is not null and r.location_id is null and l.code = r.location_code;

  insert into vehicle (id, created_at, updated_at, external_keys, vin, registration_number, dealer_account_id, brand, make,
                       model, trim, model_year, model_code, body_style, drivetrain, fuel_type, transmission, exterior_color,
                       interior_color, condition, odometer_value, odometer_unit, odometer_status, odometer_km, options,
                       attributes, photos, raw)
    select r.new_vehicle_id, moment, moment, n.external_keys, n.vin, n.registration_number, r.holder_id,
           r.brand, n.make,
           n.model, n.trim, n.model_year, n.model_code, n.body_style, n.drivetrain, n.fuel_type, n.transmission,
           n.exterior_color, n.interior_color, coalesce(n.condition, 'USED'), n.odometer_value, n.odometer_unit,
           n.odometer_status, n.odometer_km, coalesce(n.options, '{}'), n.attributes, coalesce(n.photos, '{}'), n.raw
      from vehicle_import_row r, lateral app.import_over(null::vehicle, r) n
     where r.import_id = of_import and r.number between first_number and last_number and r.outcome is null
       and r.vehicle_id is null
     order by r.number;

  insert into stock_entry (id, created_at, updated_at, vehicle_id, dealer_account_id, location_id, brand, stock_number, status,
                           holds, visibility, available_on, price_minor, price_currency, price_tax, in_stock_since)
    select r.new_entry_id, moment, moment, coalesce(r.vehicle_id, r.new_vehicle_id), r.holder_id, r.location_id, r.brand,
           n.stock_number,
           coalesce(n.status, 'IN_STOCK'), coalesce(n.holds, '{}'), coalesce(n.visibility, 'PUBLIC'), n.available_on,
           n.price_minor, n.price_currency, n.price_tax, coalesce(n.in_stock_since, app.today())
      from vehicle_import_row r, lateral app.import_over(null::stock_entry, r) n
     where r.import_id = of_import and r.number between first_number and last_number and r.outcome is null
       and r.entry_id is null
     order by r.number;

  update vehicle_import_row r
     set outcome = case when r.vehicle_id is null then 'CREATED' else 'UPDATED' end,
         vehicle_id = coalesce(r.vehicle_id, r.new_vehicle_id)
   where r.import_id = of_import and r.number between first_number and last_number and r.outcome is null
     and r.entry_id is null;

  with changed as (
    update vehicle v
       set external_keys = n.external_keys, vin = n.vin, registration_number = n.registration_number,
           brand = n.brand, make = n.make, model = n.model, trim = n.trim, model_year = n.model_year,
           model_code = n.model_code, body_style = n.body_style, drivetrain = n.drivetrain, fuel_type = n.fuel_type,
           transmission = n.transmission, exterior_color = n.exterior_color, interior_color = n.interior_color,
           condition = n.condition, odometer_value = n.odometer_value, odometer_unit = n.odometer_unit,
           odometer_status = n.odometer_status, odometer_km = n.odometer_km, options = n.options, attributes = n.attributes,
           photos = n.photos, raw = n.raw
      from vehicle_import_row r, vehicle was, lateral app.import_over(was, r) n
     where r.import_id = of_import and r.number between first_number and last_number and was.id = r.vehicle_id
       and v.id = was.id and (r.outcome is null or r.outcome = 'UPDATED') and n is distinct from was
    returning v.id)
  update vehicle_import_row r set outcome = 'UPDATED' from changed c
   where r.import_id = of_import and r.number between first_number and last_number and r.vehicle_id = c.id
     and r.outcome is null;

  with changed as (
    update stock_entry e
       set location_id = n.location_id, stock_number = n.stock_number, status = n.status, holds = n.holds,
           visibility = n.visibility, available_on = n.available_on, price_minor = n.price_minor,
           price_currency = n.price_currency, price_tax = n.price_tax, in_stock_since = n.in_stock_since
      from vehicle_import_row r, stock_entry was, lateral app.import_over(was, r) n
     where r.import_id = of_import and r.number between first_number and last_number and was.id = r.entry_id
       and e.id = was.id and (r.outcome is null or r.outcome = 'UPDATED') and n is distinct from was
    returning e.id)
  update vehicle_import_row r set outcome = 'UPDATED' from changed c
   where r.import_id = of_import and r.number between first_number and last_number and r.entry_id = c.id
     and r.outcome is null;

  update vehicle_import_row r set outcome = 'UNCHANGED'
   where r.import_id = of_import and r.number between first_number and last_number and r.outcome is null;
end $$;
revoke execute on function app.import_apply from public;
grant execute on function app.import_apply to forecourt_partner, forecourt_staff;

-- migrate:down
drop function app.import_apply, app.import_match, app.import_key, app.import_analyze;
drop function app.import_over(vehicle, vehicle_import_row);
drop function app.import_over(stock_entry, vehicle_import_row);
drop table vehicle_import_row, vehicle_import_run, postcode;
drop index value_alias_field_alias_locale_key;
create unique index value_alias_field_alias_key on value_alias (field, alias);
