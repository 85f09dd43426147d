-- migrate:up
set local search_path = public;
set local check_function_bodies = off;

-- Everything that is reserved has a number, by which it is locked and held apart. A vehicle's resource is the vehicle; its
-- centre is the one that has it as loaner or demo vehicle now.
create table schedule_resource (
  no bigint generated always as identity primary key,
  resource_id uuid not null constraint schedule_resource_resource_id_key unique,
  kind text not null constraint schedule_resource_kind_check
    check (kind in ('TECHNICIAN', 'BAY', 'EQUIPMENT', 'VEHICLE')),
  center_id uuid
);
create index schedule_resource_center_idx on schedule_resource (center_id, no);
revoke all on schedule_resource from public;
grant select on schedule_resource to forecourt_customer, forecourt_partner, forecourt_staff, forecourt_reader;

-- The number of a resource, which is given the first time it is asked for.
create function app.resource_no(the_resource uuid, the_kind text, the_center uuid) returns bigint
  language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  found_no bigint;
begin
  select no into found_no from schedule_resource where resource_id = the_resource;
  if found_no is null then
    insert into schedule_resource (resource_id, kind, center_id) values (the_resource, the_kind, the_center)
      on conflict (resource_id) do nothing;
    select no into found_no from schedule_resource where resource_id = the_resource;
  end if;
  return found_no;
end $$;
revoke all on function app.resource_no from public;
grant execute on function app.resource_no to forecourt_customer, forecourt_partner, forecourt_staff;

-- How often what shapes a centre's calendar has changed; the row without a centre counts changes of work types. Who books
-- compares it with what the calendar in memory was built from.
create table center_calendar (
  center_id uuid primary key,
  version bigint not null default 1
);
insert into center_calendar (center_id) values ('00000000-0000-0000-0000-000000000000');
revoke all on center_calendar from public;
grant select on center_calendar to forecourt_customer, forecourt_partner, forecourt_staff, forecourt_reader;

-- Raises the versions of calendars, in one order, so that two who raise several do not wait for each other.
create function app.raise_calendars(centers uuid[]) returns void language sql volatile security definer
  set search_path = public, pg_temp as $$
  insert into center_calendar as c (center_id)
    select distinct one from unnest(centers) one where one is not null order by one
    on conflict (center_id) do update set version = c.version + 1 $$;
revoke all on function app.raise_calendars from public;

-- The centres at which technicians work at any time: their own and those that they are lent to.
create function app.centers_of(technicians uuid[]) returns uuid[] language sql stable security definer
  set search_path = public, pg_temp as $$
  select coalesce(array_agg(center_id), '{}') from (
    select center_id from technician where id = any(technicians)
    union select center_id from territory_member where technician_id = any(technicians)) c $$;
revoke all on function app.centers_of from public;

-- Fires once a statement on every table that shapes calendars: numbers new resources and raises the versions of the
-- calendars concerned. The argument says how the centres of a row are found.
create function app.calendar_changed() returns trigger language plpgsql security definer
  set search_path = public, pg_temp as $$
declare
  centers uuid[] := '{}'; more uuid[]; part int;
begin
  for part in 1 .. 2 loop
    if (part = 1 and tg_op = 'DELETE') or (part = 2 and tg_op = 'INSERT') then continue; end if;
    case tg_argv[0]
      when 'center' then
        if part = 1 then select array_agg(id) into more from new_rows;
        else select array_agg(id) into more from old_rows; end if;
      when 'center_id', 'bay', 'equipment', 'vehicle' then
        if part = 1 then select array_agg(distinct center_id) into more from new_rows;
        else select array_agg(distinct center_id) into more from old_rows; end if;
      when 'technician' then
        if part = 1 then
          select array_agg(distinct center_id) || app.centers_of(array_agg(id)) into more from new_rows;
        else
          select array_agg(distinct center_id) || app.centers_of(array_agg(id)) into more from old_rows;
        end if;
      when 'member' then
        if part = 1 then
          select array_agg(distinct center_id) || app.centers_of(array_agg(technician_id)) into more from new_rows;
        else
          select array_agg(distinct center_id) || app.centers_of(array_agg(technician_id)) into more from old_rows;
        end if;
      when 'shift' then
        if part = 1 then select app.centers_of(array_agg(distinct technician_id)) into more from new_rows;
        else select app.centers_of(array_agg(distinct technician_id)) into more from old_rows; end if;
      when 'absence' then
        if part = 1 then
          select array_agg(distinct center_id) || app.centers_of(array_agg(distinct resource_id::uuid)) into more
            from new_rows;
        else
          select array_agg(distinct center_id) || app.centers_of(array_agg(distinct resource_id::uuid)) into more
            from old_rows;
        end if;
      when 'hours' then
        if part = 1 then
          select array_agg(c.id) into more from service_center c
            where exists (select from new_rows h where h.id in (c.operating_hours_id, c.visiting_hours_id));
        else
          select array_agg(c.id) into more from service_center c
            where exists (select from old_rows h where h.id in (c.operating_hours_id, c.visiting_hours_id));
        end if;
      when 'override' then
        if part = 1 then
          select array_agg(c.id) into more from service_center c
            where exists (select from new_rows h where h.operating_hours_id in (c.operating_hours_id, c.visiting_hours_id));
        else
          select array_agg(c.id) into more from service_center c
            where exists (select from old_rows h where h.operating_hours_id in (c.operating_hours_id, c.visiting_hours_id));
        end if;
      when 'holiday' then
        if part = 1 then
          select array_agg(c.id) into more from service_center c
            where exists (select from new_rows h where h.center_id = c.id or h.country = c.holiday_country);
        else
          select array_agg(c.id) into more from service_center c
            where exists (select from old_rows h where h.center_id = c.id or h.country = c.holiday_country);
        end if;
      when 'work' then more := array['00000000-0000-0000-0000-000000000000'::uuid];
    end case;
    centers := centers || coalesce(more, '{}');
  end loop;
  if tg_argv[0] in ('technician', 'bay', 'equipment') and tg_op <> 'DELETE' then
    insert into schedule_resource as r (resource_id, kind, center_id)
      select id, upper(tg_table_name), center_id from new_rows order by id
      on conflict (resource_id) do update set center_id = excluded.center_id
        where r.center_id is distinct from excluded.center_id;
    if tg_argv[0] = 'technician' and tg_op = 'UPDATE' then -- whoever moves takes their plans along
      update shift s set account_id = n.account_id from new_rows n
       where s.technician_id = n.id and s.account_id is distinct from n.account_id;
      update absence a set center_id = n.center_id from new_rows n
       where a.resource_id = n.id::text and a.center_id is distinct from n.center_id;
    end if;
  elsif tg_argv[0] = 'vehicle' then
    if tg_op = 'DELETE' then select array_agg(vehicle_id order by vehicle_id) into more from old_rows;
    else select array_agg(vehicle_id order by vehicle_id) into more from new_rows; end if;
    perform app.place_vehicle_resources(more);
  end if;
  perform app.raise_calendars(centers);
  return null;
end $$;

-- Numbers vehicles and says at which centre each is loaner or demo vehicle; it is at one at a time. The row locks make
-- those who place the same vehicle wait for each other.
create function app.place_vehicle_resources(vehicles uuid[]) returns void language plpgsql volatile security definer
  set search_path = public, pg_temp as $$
declare
  twice uuid;
begin
  insert into schedule_resource (resource_id, kind) select distinct one, 'VEHICLE' from unnest(vehicles) one order by one
    on conflict (resource_id) do nothing;
  perform from schedule_resource where resource_id = any(vehicles) order by no for update;
  select vehicle_id into twice from (
    select vehicle_id from loaner_vehicle where vehicle_id = any(vehicles) and is_active
    union all select vehicle_id from demo_vehicle where vehicle_id = any(vehicles) and is_active) v
    group by 1 having count(*) > 1 limit 1;
  if twice is not null then
    raise exception 'the vehicle % is loaner or demo vehicle already', twice using errcode = 'unique_violation',
      constraint = 'demo_vehicle_vehicle_id_key', table = 'demo_vehicle';
  end if;
  update schedule_resource r set center_id = v.center_id
    from (select one, (select center_id from loaner_vehicle l where l.vehicle_id = one and l.is_active
                       union all select center_id from demo_vehicle d where d.vehicle_id = one and d.is_active) center_id
            from unnest(vehicles) one) v
   where r.resource_id = v.one and r.center_id is distinct from v.center_id;
end $$;
revoke all on function app.place_vehicle_resources from public;

-- Whose row it is: the dealer's of its centre, technician, hours or location.
create function app.place_in_calendar() returns trigger language plpgsql security definer
  set search_path = public, pg_temp as $$
declare
  home uuid; theirs uuid; zone text; begins int; lasts int; pause text;
begin
  case tg_table_name
    when 'service_center' then
      new.account_id := app.dealer_of(new.location_id);
      if tg_op = 'UPDATE' then
        if new.account_id is distinct from old.account_id then
          perform app.refuse('service_center', 'location_id', 'belongs to another dealer');
        end if;
      end if;
    when 'date_override' then
      select account_id into new.account_id from operating_hours where id = new.operating_hours_id;
    when 'shift' then
      select t.account_id, c.time_zone into new.account_id, zone from technician t join service_center c on c.id = t.center_id
       where t.id = new.technician_id;
      if new.weekly is null and new.breaks::text like '%T%' then
        select jsonb_agg(jsonb_build_object('start', app.wall_clock(b ->> 'start', zone), 'end', app.wall_clock(b ->> 'end', zone)))
          into new.breaks from jsonb_array_elements(new.breaks) b;
      end if;
      if (new.weekly is null) = (new.start is null) then
        perform app.refuse('shift', 'start', 'and weekly: one of them is given');
      elsif (new.start is null) <> (new."end" is null) then
        perform app.refuse('shift', 'end', 'is given with start, and without it is not');
      elsif new."end" > new.start + interval '24 hours' then
        perform app.refuse('shift', 'end', 'lies more than 24 hours after the start');
      elsif (new.weekly ->> 'to')::date < (new.weekly ->> 'from')::date then
        perform app.refuse('shift', 'weekly', 'ends before the day from which it is worked');
      elsif new.weekly is not null and new.breaks::text like '%T%' then
        perform app.refuse('shift', 'breaks', 'of weekly shifts are times of day');
      end if;
      if new.breaks <> '[]' then
        begins := app.minutes_of(coalesce(new.weekly ->> 'start', app.wall_clock(new.start::text, zone)));
        lasts := case when new.weekly is null then extract(epoch from new."end" - new.start) / 60
                      else (app.minutes_of(new.weekly ->> 'end') - begins + 1439) % 1440 + 1 end;
        select b ->> 'start' into pause
          from jsonb_array_elements(new.breaks) b,
               lateral (select (app.minutes_of(b ->> 'start') - begins + 1440) % 1440 as later,
                               (app.minutes_of(b ->> 'end') - app.minutes_of(b ->> 'start') + 1439) % 1440 + 1 as long) p
         where later + long > lasts limit 1;
        if pause is not null then
          perform app.refuse('shift', 'breaks', format('the one from %s lies outside the shift', pause));
        end if;
      end if;
    when 'absence' then
      begin
        select center_id into home from schedule_resource where resource_id = new.resource_id::uuid;
      exception when invalid_text_representation then null;
      end;
      if home is null then
        perform app.refuse('absence', 'resource_id', 'is no technician, bay, equipment or vehicle of a centre');
      end if;
      new.center_id := home;
      new.resource_id := new.resource_id::uuid::text;
      select account_id into new.account_id from service_center where id = home;
    else select account_id into new.account_id from service_center where id = new.center_id;
  end case;
  if tg_table_name = 'territory_member' then
    select account_id into theirs from technician where id = new.technician_id;
    if theirs is not null and new.account_id is not null and not app.same_group(theirs, new.account_id) then
      perform app.refuse('territory_member', 'technician_id', 'is no technician of the dealer group');
    end if;
  end if;
  if tg_table_name in ('shift', 'absence') then
    if new."end" <= new.start then perform app.refuse(tg_table_name, 'end', 'is not after the start'); end if;
  end if;
  return new;
end $$;

-- Refuses a row as a broken check of one of its columns would, and says to the caller why.
create function app.refuse(of_table text, of_column text, why text) returns void language plpgsql as $$
begin
  raise exception '% of % %', of_column, of_table, why using errcode = 'check_violation', table = of_table,
    constraint = of_table || '_' || of_column, hint = why;
end $$;

-- At each time a technician has one place of work as PRIMARY.
create function app.one_primary() returns trigger language plpgsql security definer
  set search_path = public, pg_temp as $$
begin
  perform from technician where id in (select technician_id from new_rows) order by id for no key update;
  if exists (select from new_rows n join territory_member o on o.technician_id = n.technician_id and o.id <> n.id
              where n.kind = 'PRIMARY' and o.kind = 'PRIMARY'
                and daterange(n.from_on, n.to_on, '[]') && daterange(o.from_on, o.to_on, '[]')) then
    perform app.refuse('territory_member', 'from_on', 'lies in a time in which another centre is the PRIMARY one');
  end if;
  return null;
end $$;

-- Shifts of one technician never overlap: single ones, weekly ones, and one kind with the other in the zone of the
-- technician's own centre. Whoever plans for the same technician waits for the row of the technician.
create function app.shifts_apart() returns trigger language plpgsql security definer
  set search_path = public, pg_temp as $$
declare
  technicians uuid[]; wrong text;
begin
  select array_agg(distinct technician_id) into technicians from new_rows;
  perform from technician where id = any(technicians) order by id for no key update;
  if exists (
    select from (select start, max("end") over (partition by technician_id order by start, "end" desc
                                                rows between unbounded preceding and 1 preceding) as before
                   from shift where technician_id = any(technicians) and weekly is null) s
     where start < before) then
    wrong := 'start';
  elsif exists (select from shift where technician_id = any(technicians) and weekly is not null) then
    with weeks as materialized (
      select s.id, s.technician_id, c.time_zone, s.id in (select id from new_rows) as is_new,
             array_position('{MONDAY,TUESDAY,WEDNESDAY,THURSDAY,FRIDAY,SATURDAY,SUNDAY}', weekly ->> 'day_of_week') as day,
             app.minutes_of(weekly ->> 'start') as begins,
             app.minutes_of(weekly ->> 'end') + case when app.minutes_of(weekly ->> 'end')
               <= app.minutes_of(weekly ->> 'start') then 1440 else 0 end as ends,
             coalesce((weekly ->> 'from')::date, '1900-01-01') as from_on,
             coalesce((weekly ->> 'to')::date, '2199-12-31') as to_on
        from shift s join technician t on t.id = s.technician_id join service_center c on c.id = t.center_id
       where s.technician_id = any(technicians) and s.weekly is not null),
    found as (
      -- one begins so many days after the other: the days on which both begin, and the times of day, must not meet
      select 'weekly' as what
        from weeks w join weeks o on o.technician_id = w.technician_id and o.id <> w.id, generate_series(-1, 1) apart
       where w.is_new and (w.day + apart - o.day) % 7 = 0
         and w.begins < apart * 1440 + o.ends and apart * 1440 + o.begins < w.ends
         and app.first_weekday(greatest(w.from_on, o.from_on - apart), w.day) <= least(w.to_on, o.to_on - apart)
      union all
      select case when w.is_new then 'weekly' else 'start' end
        from weeks w join shift s on s.technician_id = w.technician_id and s.weekly is null
                                 and (w.is_new or s.id in (select id from new_rows)),
             generate_series(-1, 2) later,
             lateral (select (s.start at time zone w.time_zone)::date + later as on_day) d
       where extract(isodow from d.on_day) = w.day and d.on_day between w.from_on and w.to_on
         and (d.on_day + make_interval(mins => w.begins)) at time zone w.time_zone < s."end"
         and (d.on_day + make_interval(mins => w.ends)) at time zone w.time_zone > s.start)
    select what into wrong from found limit 1;
  end if;
  if wrong is not null then
    perform app.refuse('shift', wrong, 'overlaps another shift of the technician');
  end if;
  return null;
end $$;

-- A time of day as it is, an instant as the time of day in a zone.
create function app.wall_clock(told text, zone text) returns text language sql stable strict
  as $$ select case when told like '%-%' then to_char(told::timestamptz at time zone zone, 'HH24:MI') else told end $$;

-- Minutes since local midnight of a time of day, 24:00 being 1440.
create function app.minutes_of(text) returns int language sql immutable strict parallel safe
  as $$ select split_part($1, ':', 1)::int * 60 + split_part($1, ':', 2)::int $$;

-- The first date from a day on that is this weekday (1 = Monday).
create function app.first_weekday(from_on date, day int) returns date language sql immutable strict parallel safe
  as $$ select from_on + ((day - extract(isodow from from_on)::int + 7) % 7) $$;

create table operating_hours (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  name text not null,
  account_id uuid,
  time_zone text,
  time_slots jsonb not null default '[]'
);
create table date_override (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  operating_hours_id uuid not null,
  account_id uuid,
  "on" date not null,
  closed boolean not null default false,
  time_slots jsonb not null default '[]',
  name text
);
create table service_center (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  code text not null,
  name text not null,
  location_id uuid not null,
  account_id uuid,
  time_zone text not null,
  operating_hours_id uuid not null,
  visiting_hours_id uuid,
  holiday_country text,
  holiday_subdivision text,
  start_interval_minutes bigint not null default 15,
  franchises jsonb not null default '[]',
  transports text[] not null default '{}',
  is_active boolean not null default true,
  cancel_cutoff_minutes bigint not null default 0,
  reschedule_cutoff_minutes bigint not null default 0,
  no_show_after_minutes bigint not null default 30,
  max_holds bigint not null default 3,
  waitlist_offer_minutes bigint not null default 15
);
create table holiday (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  center_id uuid,
  country text,
  subdivision text,
  account_id uuid,
  "on" date not null,
  name text not null
);
create table technician (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  name text not null,
  center_id uuid not null,
  account_id uuid,
  user_id uuid,
  team text,
  skills jsonb not null default '[]',
  is_active boolean not null default true
);
create table territory_member (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  technician_id uuid not null,
  center_id uuid not null,
  account_id uuid,
  kind text not null default 'SECONDARY',
  from_on date not null,
  to_on date
);
create table bay (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  name text not null,
  center_id uuid not null,
  account_id uuid,
  bay_type text not null,
  is_active boolean not null default true
);
create table equipment (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  name text not null,
  center_id uuid not null,
  account_id uuid,
  equipment_type text not null default 'GENERAL',
  is_active boolean not null default true
);
create table loaner_vehicle (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  vehicle_id uuid not null,
  center_id uuid not null,
  account_id uuid,
  is_active boolean not null default true
);
create table demo_vehicle (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  vehicle_id uuid not null,
  center_id uuid not null,
  account_id uuid,
  is_active boolean not null default true
);
create table capacity_rule (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  center_id uuid not null,
  account_id uuid,
  kind text not null,
  team text,
  transport text,
  minutes_per_day bigint,
  percent double precision,
  arrivals bigint,
  per_day bigint,
  weekdays text[] not null default '{}',
  start text,
  "end" text,
  from_on date,
  to_on date,
  release_at text,
  release_days_before bigint not null default 0
);
create table shift (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  technician_id uuid not null,
  account_id uuid,
  start timestamptz,
  "end" timestamptz,
  weekly jsonb,
  breaks jsonb not null default '[]'
);
create table absence (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  resource_id text not null,
  center_id uuid,
  account_id uuid,
  start timestamptz not null,
  "end" timestamptz not null,
  reason_code text
);
create table work_type (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  code text not null,
  name text not null,
  kind text not null default 'SERVICE',
  duration_minutes bigint not null,
  durations jsonb not null default '[]',
  applies_to text,
  block_before_minutes bigint not null default 0,
  block_after_minutes bigint not null default 0,
  required_skills jsonb not null default '[]',
  further_resources jsonb not null default '[]',
  bay_type text,
  parts jsonb not null default '[]',
  splittable boolean not null default false,
  lead_time_minutes bigint not null default 0,
  max_days_ahead bigint not null default 90,
  max_per_slot bigint,
  max_per_day bigint,
  start_interval_minutes bigint,
  franchise_function text,
  is_active boolean not null default true
);
create table work_type_group (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  code text not null,
  name text not null,
  work_types text[] not null default '{}',
  is_active boolean not null default true
);
alter table operating_hours add constraint operating_hours_account_id_fkey foreign key (account_id) references account (id);
alter table date_override add constraint date_override_operating_hours_id_fkey foreign key (operating_hours_id) references operating_hours (id);
alter table date_override add constraint date_override_account_id_fkey foreign key (account_id) references account (id);
alter table date_override add constraint date_override_time_slots check (closed = (time_slots = '[]'));
alter table service_center add constraint service_center_location_id_fkey foreign key (location_id) references location (id);
alter table service_center add constraint service_center_account_id_fkey foreign key (account_id) references account (id);
alter table service_center add constraint service_center_operating_hours_id_fkey foreign key (operating_hours_id) references operating_hours (id);
alter table service_center add constraint service_center_visiting_hours_id_fkey foreign key (visiting_hours_id) references operating_hours (id);
alter table service_center add constraint service_center_transports_check check (transports <@ array['WAIT', 'DROP_OFF', 'LOANER', 'SHUTTLE', 'PICK_UP', 'MOBILE']);
alter table service_center add constraint service_center_start_interval_minutes check (start_interval_minutes between 5 and 480 and start_interval_minutes % 5 = 0);
alter table holiday add constraint holiday_center_id_fkey foreign key (center_id) references service_center (id);
alter table holiday add constraint holiday_account_id_fkey foreign key (account_id) references account (id);
alter table holiday add constraint holiday_center_id check ((center_id is null) <> (country is null));
alter table holiday add constraint holiday_subdivision check (subdivision is null or country is not null);
alter table technician add constraint technician_center_id_fkey foreign key (center_id) references service_center (id);
alter table technician add constraint technician_account_id_fkey foreign key (account_id) references account (id);
alter table technician add constraint technician_user_id_fkey foreign key (user_id) references "user" (id);
alter table territory_member add constraint territory_member_technician_id_fkey foreign key (technician_id) references technician (id);
alter table territory_member add constraint territory_member_center_id_fkey foreign key (center_id) references service_center (id);
alter table territory_member add constraint territory_member_account_id_fkey foreign key (account_id) references account (id);
alter table territory_member add constraint territory_member_kind_check check (kind in ('PRIMARY', 'SECONDARY'));
alter table territory_member add constraint territory_member_to_on check (to_on is null or to_on >= from_on);
alter table bay add constraint bay_center_id_fkey foreign key (center_id) references service_center (id);
alter table bay add constraint bay_account_id_fkey foreign key (account_id) references account (id);
alter table equipment add constraint equipment_center_id_fkey foreign key (center_id) references service_center (id);
alter table equipment add constraint equipment_account_id_fkey foreign key (account_id) references account (id);
alter table loaner_vehicle add constraint loaner_vehicle_vehicle_id_fkey foreign key (vehicle_id) references vehicle (id);
alter table loaner_vehicle add constraint loaner_vehicle_center_id_fkey foreign key (center_id) references service_center (id);
alter table loaner_vehicle add constraint loaner_vehicle_account_id_fkey foreign key (account_id) references account (id);
alter table demo_vehicle add constraint demo_vehicle_vehicle_id_fkey foreign key (vehicle_id) references vehicle (id);
alter table demo_vehicle add constraint demo_vehicle_center_id_fkey foreign key (center_id) references service_center (id);
alter table demo_vehicle add constraint demo_vehicle_account_id_fkey foreign key (account_id) references account (id);
alter table capacity_rule add constraint capacity_rule_center_id_fkey foreign key (center_id) references service_center (id);
alter table capacity_rule add constraint capacity_rule_account_id_fkey foreign key (account_id) references account (id);
alter table capacity_rule add constraint capacity_rule_kind_check check (kind in ('HOURS_BY_TEAM', 'WALK_IN_SHARE', 'ARRIVALS_PER_ADVISOR', 'TRANSPORT_LIMIT'));
alter table capacity_rule add constraint capacity_rule_transport_check check (transport in ('WAIT', 'DROP_OFF', 'LOANER', 'SHUTTLE', 'PICK_UP', 'MOBILE'));
alter table capacity_rule add constraint capacity_rule_weekdays_check check (weekdays <@ array['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY']);
alter table capacity_rule add constraint capacity_rule_hours_by_team check (kind <> 'HOURS_BY_TEAM' or minutes_per_day is not null);
alter table capacity_rule add constraint capacity_rule_walk_in_share check (kind <> 'WALK_IN_SHARE' or percent is not null);
alter table capacity_rule add constraint capacity_rule_arrivals_per_advisor check (kind <> 'ARRIVALS_PER_ADVISOR' or arrivals is not null);
alter table capacity_rule add constraint capacity_rule_transport_limit check (kind <> 'TRANSPORT_LIMIT' or (transport is not null and per_day is not null));
alter table capacity_rule add constraint capacity_rule_to_on check (to_on is null or from_on is null or to_on >= from_on);
alter table shift add constraint shift_technician_id_fkey foreign key (technician_id) references technician (id);
alter table shift add constraint shift_account_id_fkey foreign key (account_id) references account (id);
alter table shift add constraint shift_form check ((weekly is null) = (start is not null) and (start is null) = ("end" is null));
alter table shift add constraint shift_end check ("end" > start and "end" <= start + interval '24 hours');
alter table shift add constraint shift_grid check (extract(epoch from start) % 300 = 0 and extract(epoch from "end") % 300 = 0);
alter table absence add constraint absence_center_id_fkey foreign key (center_id) references service_center (id);
alter table absence add constraint absence_account_id_fkey foreign key (account_id) references account (id);
alter table absence add constraint absence_end check ("end" > start);
alter table absence add constraint absence_grid check (extract(epoch from start) % 300 = 0 and extract(epoch from "end") % 300 = 0);
alter table work_type add constraint work_type_kind_check check (kind in ('SERVICE', 'TEST_DRIVE'));
alter table work_type add constraint work_type_franchise_function_check check (franchise_function in ('SALES', 'SERVICE', 'WARRANTY'));
create index operating_hours_created_at_id_idx on operating_hours (created_at desc, id desc);
create index operating_hours_account_id_created_at_id_idx on operating_hours (account_id, created_at desc, id desc);
create index date_override_created_at_id_idx on date_override (created_at desc, id desc);
create unique index date_override_operating_hours_id_on_key on date_override (operating_hours_id, "on");
create index date_override_account_id_created_at_id_idx on date_override (account_id, created_at desc, id desc);
create index service_center_created_at_id_idx on service_center (created_at desc, id desc);
create unique index service_center_code_key on service_center (code);
create index service_center_account_id_created_at_id_idx on service_center (account_id, created_at desc, id desc);
create index service_center_location_id_idx on service_center (location_id);
create index service_center_operating_hours_id_idx on service_center (operating_hours_id);
create index service_center_visiting_hours_id_idx on service_center (visiting_hours_id);
create index holiday_created_at_id_idx on holiday (created_at desc, id desc);
create unique index holiday_center_id_on_key on holiday (center_id, "on") where center_id is not null;
create unique index holiday_country_subdivision_on_key on holiday (country, subdivision, "on") where center_id is null;
create index holiday_account_id_created_at_id_idx on holiday (account_id, created_at desc, id desc);
create index holiday_on_idx on holiday ("on");
create index technician_created_at_id_idx on technician (created_at desc, id desc);
create unique index technician_user_id_key on technician (user_id) where user_id is not null;
create index technician_account_id_created_at_id_idx on technician (account_id, created_at desc, id desc);
create index technician_center_id_name_idx on technician (center_id, name);
create index territory_member_created_at_id_idx on territory_member (created_at desc, id desc);
create index territory_member_account_id_created_at_id_idx on territory_member (account_id, created_at desc, id desc);
create index territory_member_center_id_from_on_idx on territory_member (center_id, from_on);
create index territory_member_technician_id_from_on_idx on territory_member (technician_id, from_on);
create index bay_created_at_id_idx on bay (created_at desc, id desc);
create index bay_account_id_created_at_id_idx on bay (account_id, created_at desc, id desc);
create index bay_center_id_name_idx on bay (center_id, name);
create index equipment_created_at_id_idx on equipment (created_at desc, id desc);
create index equipment_account_id_created_at_id_idx on equipment (account_id, created_at desc, id desc);
create index equipment_center_id_name_idx on equipment (center_id, name);
create index loaner_vehicle_created_at_id_idx on loaner_vehicle (created_at desc, id desc);
create unique index loaner_vehicle_vehicle_id_key on loaner_vehicle (vehicle_id) where is_active;
create index loaner_vehicle_account_id_created_at_id_idx on loaner_vehicle (account_id, created_at desc, id desc);
create index loaner_vehicle_center_id_vehicle_id_idx on loaner_vehicle (center_id, vehicle_id);
create index demo_vehicle_created_at_id_idx on demo_vehicle (created_at desc, id desc);
create unique index demo_vehicle_vehicle_id_key on demo_vehicle (vehicle_id) where is_active;
create index demo_vehicle_account_id_created_at_id_idx on demo_vehicle (account_id, created_at desc, id desc);
create index demo_vehicle_center_id_vehicle_id_idx on demo_vehicle (center_id, vehicle_id);
create index capacity_rule_created_at_id_idx on capacity_rule (created_at desc, id desc);
create index capacity_rule_account_id_created_at_id_idx on capacity_rule (account_id, created_at desc, id desc);
create index capacity_rule_center_id_kind_idx on capacity_rule (center_id, kind);
create index shift_created_at_id_idx on shift (created_at desc, id desc);
create index shift_account_id_created_at_id_idx on shift (account_id, created_at desc, id desc);
create index shift_technician_id_start_idx on shift (technician_id, start);
create index shift_start_idx on shift (start);
create index absence_created_at_id_idx on absence (created_at desc, id desc);
create index absence_account_id_created_at_id_idx on absence (account_id, created_at desc, id desc);
create index absence_resource_id_start_idx on absence (resource_id, start);
create index absence_center_id_start_idx on absence (center_id, start);
create index work_type_created_at_id_idx on work_type (created_at desc, id desc);
create unique index work_type_code_key on work_type (code);
create index work_type_group_created_at_id_idx on work_type_group (created_at desc, id desc);
create unique index work_type_group_code_key on work_type_group (code);
alter table operating_hours enable row level security;
alter table operating_hours force row level security;
create policy operating_hours_owner_all on operating_hours for all to forecourt_owner using (true) with check (true);
create policy operating_hours_reader_select on operating_hours for select to forecourt_reader using (true);
create policy operating_hours_staff_all on operating_hours for all to forecourt_staff using (true) with check (true);
create policy operating_hours_customer_select on operating_hours for select to forecourt_customer using (true);
create policy operating_hours_partner_select on operating_hours for select to forecourt_partner using (true or account_id = any((select app.units())::uuid[]));
create policy operating_hours_partner_insert on operating_hours for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy operating_hours_partner_update on operating_hours for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy operating_hours_partner_delete on operating_hours for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
alter table date_override enable row level security;
alter table date_override force row level security;
create policy date_override_owner_all on date_override for all to forecourt_owner using (true) with check (true);
create policy date_override_reader_select on date_override for select to forecourt_reader using (true);
create policy date_override_staff_all on date_override for all to forecourt_staff using (true) with check (true);
create policy date_override_customer_select on date_override for select to forecourt_customer using (true);
create policy date_override_partner_select on date_override for select to forecourt_partner using (true or account_id = any((select app.units())::uuid[]));
create policy date_override_partner_insert on date_override for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy date_override_partner_update on date_override for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy date_override_partner_delete on date_override for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
alter table service_center enable row level security;
alter table service_center force row level security;
create policy service_center_owner_all on service_center for all to forecourt_owner using (true) with check (true);
create policy service_center_reader_select on service_center for select to forecourt_reader using (true);
create policy service_center_staff_all on service_center for all to forecourt_staff using (true) with check (true);
create policy service_center_customer_select on service_center for select to forecourt_customer using (true);
create policy service_center_partner_select on service_center for select to forecourt_partner using (true or account_id = any((select app.units())::uuid[]));
create policy service_center_partner_insert on service_center for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy service_center_partner_update on service_center for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy service_center_partner_delete on service_center for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
alter table holiday enable row level security;
alter table holiday force row level security;
create policy holiday_owner_all on holiday for all to forecourt_owner using (true) with check (true);
create policy holiday_reader_select on holiday for select to forecourt_reader using (true);
create policy holiday_staff_all on holiday for all to forecourt_staff using (true) with check (true);
create policy holiday_customer_select on holiday for select to forecourt_customer using (true);
create policy holiday_partner_select on holiday for select to forecourt_partner using (true or account_id = any((select app.units())::uuid[]));
create policy holiday_partner_insert on holiday for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy holiday_partner_update on holiday for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy holiday_partner_delete on holiday for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
alter table technician enable row level security;
alter table technician force row level security;
create policy technician_owner_all on technician for all to forecourt_owner using (true) with check (true);
create policy technician_reader_select on technician for select to forecourt_reader using (true);
create policy technician_staff_all on technician for all to forecourt_staff using (true) with check (true);
create policy technician_customer_select on technician for select to forecourt_customer using (true);
create policy technician_partner_select on technician for select to forecourt_partner using (account_id = any((select app.units())::uuid[]) or true);
create policy technician_partner_insert on technician for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy technician_partner_update on technician for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy technician_partner_delete on technician for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
alter table territory_member enable row level security;
alter table territory_member force row level security;
create policy territory_member_owner_all on territory_member for all to forecourt_owner using (true) with check (true);
create policy territory_member_reader_select on territory_member for select to forecourt_reader using (true);
create policy territory_member_staff_all on territory_member for all to forecourt_staff using (true) with check (true);
create policy territory_member_partner_select on territory_member for select to forecourt_partner using (account_id = any((select app.group_units())::uuid[]));
create policy territory_member_partner_insert on territory_member for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy territory_member_partner_update on territory_member for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy territory_member_partner_delete on territory_member for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
alter table bay enable row level security;
alter table bay force row level security;
create policy bay_owner_all on bay for all to forecourt_owner using (true) with check (true);
create policy bay_reader_select on bay for select to forecourt_reader using (true);
create policy bay_staff_all on bay for all to forecourt_staff using (true) with check (true);
create policy bay_partner_select on bay for select to forecourt_partner using (account_id = any((select app.group_units())::uuid[]));
create policy bay_partner_insert on bay for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy bay_partner_update on bay for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy bay_partner_delete on bay for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
alter table equipment enable row level security;
alter table equipment force row level security;
create policy equipment_owner_all on equipment for all to forecourt_owner using (true) with check (true);
create policy equipment_reader_select on equipment for select to forecourt_reader using (true);
create policy equipment_staff_all on equipment for all to forecourt_staff using (true) with check (true);
create policy equipment_partner_select on equipment for select to forecourt_partner using (account_id = any((select app.group_units())::uuid[]));
create policy equipment_partner_insert on equipment for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy equipment_partner_update on equipment for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy equipment_partner_delete on equipment for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
alter table loaner_vehicle enable row level security;
alter table loaner_vehicle force row level security;
create policy loaner_vehicle_owner_all on loaner_vehicle for all to forecourt_owner using (true) with check (true);
create policy loaner_vehicle_reader_select on loaner_vehicle for select to forecourt_reader using (true);
create policy loaner_vehicle_staff_all on loaner_vehicle for all to forecourt_staff using (true) with check (true);
create policy loaner_vehicle_partner_select on loaner_vehicle for select to forecourt_partner using (account_id = any((select app.group_units())::uuid[]));
create policy loaner_vehicle_partner_insert on loaner_vehicle for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy loaner_vehicle_partner_update on loaner_vehicle for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy loaner_vehicle_partner_delete on loaner_vehicle for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
alter table demo_vehicle enable row level security;
alter table demo_vehicle force row level security;
create policy demo_vehicle_owner_all on demo_vehicle for all to forecourt_owner using (true) with check (true);
create policy demo_vehicle_reader_select on demo_vehicle for select to forecourt_reader using (true);
create policy demo_vehicle_staff_all on demo_vehicle for all to forecourt_staff using (true) with check (true);
create policy demo_vehicle_partner_select on demo_vehicle for select to forecourt_partner using (account_id = any((select app.group_units())::uuid[]));
create policy demo_vehicle_partner_insert on demo_vehicle for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy demo_vehicle_partner_update on demo_vehicle for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy demo_vehicle_partner_delete on demo_vehicle for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
alter table capacity_rule enable row level security;
alter table capacity_rule force row level security;
create policy capacity_rule_owner_all on capacity_rule for all to forecourt_owner using (true) with check (true);
create policy capacity_rule_reader_select on capacity_rule for select to forecourt_reader using (true);
create policy capacity_rule_staff_all on capacity_rule for all to forecourt_staff using (true) with check (true);
create policy capacity_rule_partner_select on capacity_rule for select to forecourt_partner using (account_id = any((select app.group_units())::uuid[]));
create policy capacity_rule_partner_insert on capacity_rule for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy capacity_rule_partner_update on capacity_rule for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy capacity_rule_partner_delete on capacity_rule for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
alter table shift enable row level security;
alter table shift force row level security;
create policy shift_owner_all on shift for all to forecourt_owner using (true) with check (true);
create policy shift_reader_select on shift for select to forecourt_reader using (true);
create policy shift_staff_all on shift for all to forecourt_staff using (true) with check (true);
create policy shift_partner_select on shift for select to forecourt_partner using (account_id = any((select app.group_units())::uuid[]));
create policy shift_partner_insert on shift for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy shift_partner_update on shift for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy shift_partner_delete on shift for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
alter table absence enable row level security;
alter table absence force row level security;
create policy absence_owner_all on absence for all to forecourt_owner using (true) with check (true);
create policy absence_reader_select on absence for select to forecourt_reader using (true);
create policy absence_staff_all on absence for all to forecourt_staff using (true) with check (true);
create policy absence_partner_select on absence for select to forecourt_partner using (account_id = any((select app.group_units())::uuid[]));
create policy absence_partner_insert on absence for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy absence_partner_update on absence for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy absence_partner_delete on absence for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
alter table work_type enable row level security;
alter table work_type force row level security;
create policy work_type_owner_all on work_type for all to forecourt_owner using (true) with check (true);
create policy work_type_reader_select on work_type for select to forecourt_reader using (true);
create policy work_type_staff_all on work_type for all to forecourt_staff using (true) with check (true);
create policy work_type_customer_select on work_type for select to forecourt_customer using (true);
create policy work_type_partner_select on work_type for select to forecourt_partner using (true);
alter table work_type_group enable row level security;
alter table work_type_group force row level security;
create policy work_type_group_owner_all on work_type_group for all to forecourt_owner using (true) with check (true);
create policy work_type_group_reader_select on work_type_group for select to forecourt_reader using (true);
create policy work_type_group_staff_all on work_type_group for all to forecourt_staff using (true) with check (true);
create policy work_type_group_customer_select on work_type_group for select to forecourt_customer using (true);
create policy work_type_group_partner_select on work_type_group for select to forecourt_partner using (true);
grant select on operating_hours to forecourt_reader;
grant select, insert, update, delete on operating_hours to forecourt_staff;
grant select, insert, update, delete on operating_hours to forecourt_customer;
grant select, insert, update, delete on operating_hours to forecourt_partner;
grant select on date_override to forecourt_reader;
grant select, insert, update, delete on date_override to forecourt_staff;
grant select, insert, update, delete on date_override to forecourt_customer;
grant select, insert, update, delete on date_override to forecourt_partner;
grant select on service_center to forecourt_reader;
grant select, insert, update, delete on service_center to forecourt_staff;
grant select, insert, update, delete on service_center to forecourt_customer;
grant select, insert, update, delete on service_center to forecourt_partner;
grant select on holiday to forecourt_reader;
grant select, insert, update, delete on holiday to forecourt_staff;
grant select, insert, update, delete on holiday to forecourt_customer;
grant select, insert, update, delete on holiday to forecourt_partner;
grant select on technician to forecourt_reader;
grant select, insert, update, delete on technician to forecourt_staff;
grant select, insert, update, delete on technician to forecourt_customer;
grant select, insert, update, delete on technician to forecourt_partner;
grant select on territory_member to forecourt_reader;
grant select, insert, update, delete on territory_member to forecourt_staff;
grant select, insert, update, delete on territory_member to forecourt_partner;
grant select on bay to forecourt_reader;
grant select, insert, update, delete on bay to forecourt_staff;
grant select, insert, update, delete on bay to forecourt_partner;
grant select on equipment to forecourt_reader;
grant select, insert, update, delete on equipment to forecourt_staff;
grant select, insert, update, delete on equipment to forecourt_partner;
grant select on loaner_vehicle to forecourt_reader;
grant select, insert, update, delete on loaner_vehicle to forecourt_staff;
grant select, insert, update, delete on loaner_vehicle to forecourt_partner;
grant select on demo_vehicle to forecourt_reader;
grant select, insert, update, delete on demo_vehicle to forecourt_staff;
grant select, insert, update, delete on demo_vehicle to forecourt_partner;
grant select on capacity_rule to forecourt_reader;
grant select, insert, update, delete on capacity_rule to forecourt_staff;
grant select, insert, update, delete on capacity_rule to forecourt_partner;
grant select on shift to forecourt_reader;
grant select, insert, update, delete on shift to forecourt_staff;
grant select, insert, update, delete on shift to forecourt_partner;
grant select on absence to forecourt_reader;
grant select, insert, update, delete on absence to forecourt_staff;
grant select, insert, update, delete on absence to forecourt_partner;
grant select on work_type to forecourt_reader;
grant select, insert, update, delete on work_type to forecourt_staff;
grant select, insert, update, delete on work_type to forecourt_customer;
grant select, insert, update, delete on work_type to forecourt_partner;
grant select on work_type_group to forecourt_reader;
grant select, insert, update, delete on work_type_group to forecourt_staff;
grant select, insert, update, delete on work_type_group to forecourt_customer;
grant select, insert, update, delete on work_type_group to forecourt_partner;
create trigger operating_hours_touch before update on operating_hours for each row execute function app.touch();
create trigger operating_hours_remember after insert or update or delete on operating_hours for each row execute function app.remember();
create trigger operating_hours_name_new after insert on operating_hours for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger operating_hours_name_changed after update on operating_hours for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger operating_hours_name_gone after delete on operating_hours for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger operating_hours_calendar_new after insert on operating_hours referencing new table as new_rows for each statement execute function app.calendar_changed('hours');
create trigger operating_hours_calendar_changed after update on operating_hours referencing old table as old_rows new table as new_rows for each statement execute function app.calendar_changed('hours');
create trigger operating_hours_calendar_gone after delete on operating_hours referencing old table as old_rows for each statement execute function app.calendar_changed('hours');
create trigger date_override_touch before update on date_override for each row execute function app.touch();
create trigger date_override_remember after insert or update or delete on date_override for each row execute function app.remember();
create trigger date_override_name_new after insert on date_override for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger date_override_name_changed after update on date_override for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger date_override_name_gone after delete on date_override for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger date_override_placed before insert or update on date_override for each row execute function app.place_in_calendar();
create trigger date_override_calendar_new after insert on date_override referencing new table as new_rows for each statement execute function app.calendar_changed('override');
create trigger date_override_calendar_changed after update on date_override referencing old table as old_rows new table as new_rows for each statement execute function app.calendar_changed('override');
create trigger date_override_calendar_gone after delete on date_override referencing old table as old_rows for each statement execute function app.calendar_changed('override');
create trigger service_center_touch before update on service_center for each row execute function app.touch();
create trigger service_center_remember after insert or update or delete on service_center for each row execute function app.remember();
create trigger service_center_name_new after insert on service_center for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger service_center_name_changed after update on service_center for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger service_center_name_gone after delete on service_center for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger service_center_placed before insert or update on service_center for each row execute function app.place_in_calendar();
create trigger service_center_calendar_new after insert on service_center referencing new table as new_rows for each statement execute function app.calendar_changed('center');
create trigger service_center_calendar_changed after update on service_center referencing old table as old_rows new table as new_rows for each statement execute function app.calendar_changed('center');
create trigger service_center_calendar_gone after delete on service_center referencing old table as old_rows for each statement execute function app.calendar_changed('center');
create trigger holiday_touch before update on holiday for each row execute function app.touch();
create trigger holiday_remember after insert or update or delete on holiday for each row execute function app.remember();
create trigger holiday_name_new after insert on holiday for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger holiday_name_changed after update on holiday for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger holiday_name_gone after delete on holiday for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger holiday_placed before insert or update on holiday for each row execute function app.place_in_calendar();
create trigger holiday_calendar_new after insert on holiday referencing new table as new_rows for each statement execute function app.calendar_changed('holiday');
create trigger holiday_calendar_changed after update on holiday referencing old table as old_rows new table as new_rows for each statement execute function app.calendar_changed('holiday');
create trigger holiday_calendar_gone after delete on holiday referencing old table as old_rows for each statement execute function app.calendar_changed('holiday');
create trigger technician_touch before update on technician for each row execute function app.touch();
create trigger technician_remember after insert or update or delete on technician for each row execute function app.remember();
create trigger technician_name_new after insert on technician for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger technician_name_changed after update on technician for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger technician_name_gone after delete on technician for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger technician_placed before insert or update on technician for each row execute function app.place_in_calendar();
create trigger technician_calendar_new after insert on technician referencing new table as new_rows for each statement execute function app.calendar_changed('technician');
create trigger technician_calendar_changed after update on technician referencing old table as old_rows new table as new_rows for each statement execute function app.calendar_changed('technician');
create trigger technician_calendar_gone after delete on technician referencing old table as old_rows for each statement execute function app.calendar_changed('technician');
create trigger territory_member_touch before update on territory_member for each row execute function app.touch();
create trigger territory_member_remember after insert or update or delete on territory_member for each row execute function app.remember();
create trigger territory_member_name_new after insert on territory_member for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger territory_member_name_changed after update on territory_member for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger territory_member_name_gone after delete on territory_member for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger territory_member_placed before insert or update on territory_member for each row execute function app.place_in_calendar();
create trigger territory_member_alone_new after insert on territory_member referencing new table as new_rows for each statement execute function app.one_primary();
create trigger territory_member_alone_changed after update on territory_member referencing new table as new_rows for each statement execute function app.one_primary();
create trigger territory_member_calendar_new after insert on territory_member referencing new table as new_rows for each statement execute function app.calendar_changed('member');
create trigger territory_member_calendar_changed after update on territory_member referencing old table as old_rows new table as new_rows for each statement execute function app.calendar_changed('member');
create trigger territory_member_calendar_gone after delete on territory_member referencing old table as old_rows for each statement execute function app.calendar_changed('member');
create trigger bay_touch before update on bay for each row execute function app.touch();
create trigger bay_remember after insert or update or delete on bay for each row execute function app.remember();
create trigger bay_name_new after insert on bay for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger bay_name_changed after update on bay for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger bay_name_gone after delete on bay for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger bay_placed before insert or update on bay for each row execute function app.place_in_calendar();
create trigger bay_calendar_new after insert on bay referencing new table as new_rows for each statement execute function app.calendar_changed('bay');
create trigger bay_calendar_changed after update on bay referencing old table as old_rows new table as new_rows for each statement execute function app.calendar_changed('bay');
create trigger bay_calendar_gone after delete on bay referencing old table as old_rows for each statement execute function app.calendar_changed('bay');
create trigger equipment_touch before update on equipment for each row execute function app.touch();
create trigger equipment_remember after insert or update or delete on equipment for each row execute function app.remember();
create trigger equipment_name_new after insert on equipment for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger equipment_name_changed after update on equipment for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger equipment_name_gone after delete on equipment for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger equipment_placed before insert or update on equipment for each row execute function app.place_in_calendar();
create trigger equipment_calendar_new after insert on equipment referencing new table as new_rows for each statement execute function app.calendar_changed('equipment');
create trigger equipment_calendar_changed after update on equipment referencing old table as old_rows new table as new_rows for each statement execute function app.calendar_changed('equipment');
create trigger equipment_calendar_gone after delete on equipment referencing old table as old_rows for each statement execute function app.calendar_changed('equipment');
create trigger loaner_vehicle_touch before update on loaner_vehicle for each row execute function app.touch();
create trigger loaner_vehicle_remember after insert or update or delete on loaner_vehicle for each row execute function app.remember();
create trigger loaner_vehicle_name_new after insert on loaner_vehicle for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger loaner_vehicle_name_changed after update on loaner_vehicle for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger loaner_vehicle_name_gone after delete on loaner_vehicle for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger loaner_vehicle_placed before insert or update on loaner_vehicle for each row execute function app.place_in_calendar();
create trigger loaner_vehicle_calendar_new after insert on loaner_vehicle referencing new table as new_rows for each statement execute function app.calendar_changed('vehicle');
create trigger loaner_vehicle_calendar_changed after update on loaner_vehicle referencing old table as old_rows new table as new_rows for each statement execute function app.calendar_changed('vehicle');
create trigger loaner_vehicle_calendar_gone after delete on loaner_vehicle referencing old table as old_rows for each statement execute function app.calendar_changed('vehicle');
create trigger demo_vehicle_touch before update on demo_vehicle for each row execute function app.touch();
create trigger demo_vehicle_remember after insert or update or delete on demo_vehicle for each row execute function app.remember();
create trigger demo_vehicle_name_new after insert on demo_vehicle for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger demo_vehicle_name_changed after update on demo_vehicle for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger demo_vehicle_name_gone after delete on demo_vehicle for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger demo_vehicle_placed before insert or update on demo_vehicle for each row execute function app.place_in_calendar();
create trigger demo_vehicle_calendar_new after insert on demo_vehicle referencing new table as new_rows for each statement execute function app.calendar_changed('vehicle');
create trigger demo_vehicle_calendar_changed after update on demo_vehicle referencing old table as old_rows new table as new_rows for each statement execute function app.calendar_changed('vehicle');
create trigger demo_vehicle_calendar_gone after delete on demo_vehicle referencing old table as old_rows for each statement execute function app.calendar_changed('vehicle');
create trigger capacity_rule_touch before update on capacity_rule for each row execute function app.touch();
create trigger capacity_rule_remember after insert or update or delete on capacity_rule for each row execute function app.remember();
create trigger capacity_rule_name_new after insert on capacity_rule for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger capacity_rule_name_changed after update on capacity_rule for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger capacity_rule_name_gone after delete on capacity_rule for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger capacity_rule_placed before insert or update on capacity_rule for each row execute function app.place_in_calendar();
create trigger capacity_rule_calendar_new after insert on capacity_rule referencing new table as new_rows for each statement execute function app.calendar_changed('center_id');
create trigger capacity_rule_calendar_changed after update on capacity_rule referencing old table as old_rows new table as new_rows for each statement execute function app.calendar_changed('center_id');
create trigger capacity_rule_calendar_gone after delete on capacity_rule referencing old table as old_rows for each statement execute function app.calendar_changed('center_id');
create trigger shift_touch before update on shift for each row execute function app.touch();
create trigger shift_remember after insert or update or delete on shift for each row execute function app.remember();
create trigger shift_name_new after insert on shift for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger shift_name_changed after update on shift for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger shift_name_gone after delete on shift for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger shift_placed before insert or update on shift for each row execute function app.place_in_calendar();
create trigger shift_alone_new after insert on shift referencing new table as new_rows for each statement execute function app.shifts_apart();
create trigger shift_alone_changed after update on shift referencing new table as new_rows for each statement execute function app.shifts_apart();
create trigger shift_calendar_new after insert on shift referencing new table as new_rows for each statement execute function app.calendar_changed('shift');
create trigger shift_calendar_changed after update on shift referencing old table as old_rows new table as new_rows for each statement execute function app.calendar_changed('shift');
create trigger shift_calendar_gone after delete on shift referencing old table as old_rows for each statement execute function app.calendar_changed('shift');
create trigger absence_touch before update on absence for each row execute function app.touch();
create trigger absence_remember after insert or update or delete on absence for each row execute function app.remember();
create trigger absence_name_new after insert on absence for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger absence_name_changed after update on absence for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger absence_name_gone after delete on absence for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger absence_placed before insert or update on absence for each row execute function app.place_in_calendar();
create trigger absence_calendar_new after insert on absence referencing new table as new_rows for each statement execute function app.calendar_changed('absence');
create trigger absence_calendar_changed after update on absence referencing old table as old_rows new table as new_rows for each statement execute function app.calendar_changed('absence');
create trigger absence_calendar_gone after delete on absence referencing old table as old_rows for each statement execute function app.calendar_changed('absence');
create trigger work_type_touch before update on work_type for each row execute function app.touch();
create trigger work_type_remember after insert or update or delete on work_type for each row execute function app.remember();
create trigger work_type_name_new after insert on work_type for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger work_type_name_changed after update on work_type for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger work_type_name_gone after delete on work_type for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger work_type_calendar_new after insert on work_type referencing new table as new_rows for each statement execute function app.calendar_changed('work');
create trigger work_type_calendar_changed after update on work_type referencing old table as old_rows new table as new_rows for each statement execute function app.calendar_changed('work');
create trigger work_type_calendar_gone after delete on work_type referencing old table as old_rows for each statement execute function app.calendar_changed('work');
create trigger work_type_group_touch before update on work_type_group for each row execute function app.touch();
create trigger work_type_group_remember after insert or update or delete on work_type_group for each row execute function app.remember();
create trigger work_type_group_name_new after insert on work_type_group for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger work_type_group_name_changed after update on work_type_group for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger work_type_group_name_gone after delete on work_type_group for each row when (old.external_keys <> '[]') execute function app.name_record();

-- migrate:down
drop table capacity_rule, absence, shift, demo_vehicle, loaner_vehicle, equipment, bay, territory_member, technician, holiday,
  date_override, service_center, operating_hours, work_type, work_type_group, schedule_resource, center_calendar;
drop function app.calendar_changed, app.place_vehicle_resources, app.place_in_calendar, app.refuse, app.one_primary,
  app.shifts_apart, app.wall_clock, app.minutes_of, app.first_weekday, app.centers_of, app.raise_calendars, app.resource_no;
