-- migrate:up
set local search_path = public;
set local check_function_bodies = off;

-- What is taken now: a row for each time of each resource, until the appointment ends. Times are cells of five minutes
-- since 1970, the end not included; the box ends half a cell early, for edges that touch would count as overlap. Only
-- app.reserve adds rows: under locks on the resources, so that the constraint proves what holds already. `held_until`: the
-- time after which the row counts for nothing; `proposed`: the second place of an appointment that its centre wants to move.
create table live_reservation (
  resource_no bigint not null,
  from_cell int not null,
  to_cell int not null,
  appointment_id uuid not null,
  role text not null,
  job int,
  held_until timestamptz,
  proposed boolean not null default false,
  constraint live_reservation_span check (from_cell < to_cell and from_cell > 0),
  constraint live_reservation_resource check (resource_no between 1 and 1000000000000),
  constraint live_reservation_held check (isfinite(held_until)),
  constraint live_reservation_one_at_a_time
    exclude using gist (box(point(resource_no, from_cell), point(resource_no, to_cell - 0.5)) with &&)
);
create index live_reservation_check_idx on live_reservation (resource_no, from_cell);
create index live_reservation_appointment_idx on live_reservation (appointment_id);
create index live_reservation_held_idx on live_reservation (held_until) where held_until is not null;

-- What an appointment takes of the counted capacities of its centre, and the sum of all.
create table live_capacity (
  appointment_id uuid not null,
  proposed boolean not null default false,
  center_id uuid not null,
  on_day date not null,
  counter text not null,
  amount int not null constraint live_capacity_amount check (amount > 0),
  held_until timestamptz,
  primary key (appointment_id, proposed, center_id, on_day, counter)
);
create index live_capacity_held_idx on live_capacity (center_id, on_day, counter) where held_until is not null;
create table capacity_use (
  center_id uuid not null,
  on_day date not null,
  counter text not null,
  used int not null constraint capacity_use_used check (used >= 0),
  primary key (center_id, on_day, counter)
);
revoke all on live_reservation, live_capacity, capacity_use from public;
grant select on live_reservation, capacity_use to forecourt_reader;
grant select, insert, update, delete on live_reservation, live_capacity, capacity_use to forecourt_staff;

-- Adds to counted capacities in key order, so that two who change several meet without a deadlock. Answers the place in the
-- list of the first that would go beyond its cap (null: it has none), in which case the caller undoes the rest.
create function app.count_capacity(centers uuid[], days date[], counters text[], amounts int[], caps int[]) returns int
  language plpgsql volatile as $$
declare one record;
begin
  for one in select w.center, w.day, w.counter, sum(w.amount)::int as amount, min(w.cap) as cap, max(w.place)::int as place
               from unnest(centers, days, counters, amounts, caps)
                    with ordinality w (center, day, counter, amount, cap, place)
              group by 1, 2, 3 having sum(w.amount) <> 0 order by 1, 2, 3 loop
    if one.amount < 0 then
      update capacity_use set used = used + one.amount
       where center_id = one.center and on_day = one.day and counter = one.counter;
    elsif one.amount > one.cap then return one.place;
    else
      insert into capacity_use as u (center_id, on_day, counter, used)
        values (one.center, one.day, one.counter, one.amount)
        on conflict (center_id, on_day, counter) do update set used = u.used + excluded.used
          where one.cap is null or u.used + excluded.used <= one.cap;
      if not found then return one.place; end if;
    end if;
  end loop;
  return null;
end $$;

-- Takes away what appointments hold, `proposals`: only their second places, and answers what is to be taken off the counted
-- capacities. The caller has locked the appointments' rows.
create function app.let_go(of_appointments uuid[], proposals boolean)
  returns table (center uuid, day date, counter text, amount int) language sql volatile as $$
  with gone as (delete from live_reservation where appointment_id = any(of_appointments) and (proposed or not proposals))
  delete from live_capacity c where c.appointment_id = any(of_appointments) and (c.proposed or not proposals)
  returning c.center_id, c.on_day, c.counter, -c.amount
$$;

-- Frees what appointments hold; the caller has locked their rows.
create function app.release(of_appointments uuid[], proposals boolean default false) returns void
  language plpgsql volatile as $$
begin
  perform app.count_capacity(array_agg(g.center), array_agg(g.day), array_agg(g.counter), array_agg(g.amount),
                             array_agg(null::int))
     from app.let_go(of_appointments, proposals) g;
end $$;

-- Ends holds and proposals whose time is over at the given moment and answers what is to be taken off the counted
-- capacities; the caller has locked the appointments' rows. What has been confirmed or accepted meanwhile stays. History
-- tells it as the clock's doing, not as that of whoever came by.
create function app.expire(of_appointments uuid[], moment timestamptz)
  returns table (center uuid, day date, counter text, amount int) language plpgsql volatile as $$
declare
  doer text := current_setting('app.actor', true); command text := current_setting('app.command', true);
  ended uuid[]; lapsed uuid[];
begin
  select array_agg(id) filter (where status = 'HELD' and held_until <= moment),
         array_agg(id) filter (where not (status = 'HELD' and held_until <= moment) and proposed_until <= moment)
    into ended, lapsed from appointment where id = any(of_appointments);
  perform set_config('app.actor', 'clock', true), set_config('app.command', 'expire', true);
  if ended is not null then
    return query select * from app.let_go(ended, false);
    update appointment set status = 'EXPIRED', ended_at = moment, proposal = null, proposed = null, proposed_until = null
     where id = any(ended);
  end if;
  if lapsed is not null then
    return query select * from app.let_go(lapsed, true);
    update appointment set proposal = null, proposed = null, proposed_until = null where id = any(lapsed);
  end if;
  perform set_config('app.actor', coalesce(doer, ''), true), set_config('app.command', coalesce(command, ''), true);
end $$;

-- Ends what is past its time, a few at once, and forgets places that lie in the past; answers the appointments concerned.
create function app.tidy_appointments(most int) returns uuid[] language plpgsql volatile as $$
declare moment timestamptz := clock_timestamp(); due uuid[];
begin
  select array_agg(id) into due from (
    select id from appointment
     where (status = 'HELD' and held_until <= moment) or proposed_until <= moment
     order by id limit most for no key update skip locked) d;
  perform app.count_capacity(array_agg(g.center), array_agg(g.day), array_agg(g.counter), array_agg(g.amount),
                             array_agg(null::int))
     from app.expire(due, moment) g;
  delete from live_reservation where to_cell < floor(extract(epoch from moment) / 300)::int - 288;
  return coalesce(due, '{}');
end $$;

-- Takes resources for an appointment, all or none, and keeps no lock where it is refused.
--
-- how: NEW. MOVE: what the appointment has now is given up in the same moment. PROPOSE: that is kept, and of the new only
--   what it has not yet is added, until the proposal ends. Of MOVE and PROPOSE `expected` is the version of the row.
-- seen_calendar, seen_work: versions of the calendar from which the caller has chosen; null: not compared.
-- lasts: seconds until a hold or proposal ends, by the database's clock; keep_until: the end of a hold that is moved.
-- holder, most_holds: whose live holds are counted, and how many there may be with this one.
--
-- Locks, always in this order, so that nobody waits in a ring: the holder; the resources by number; the rows of
-- appointments (the own, and those that have expired) by id; counters by key. Whoever locks the row of an appointment
-- first takes no resource afterwards.
--
-- Answers `what`: RESERVED, with the time until which it is held, or what stands against it. RESOURCE: `places` in the list
-- and whose (`hits`); COUNTER: `places` in that list; CALENDAR: it is newer than seen; CHANGED: the own row; HOLDS.
create function app.reserve(
  of_appointment uuid, how text, expected bigint, at_center uuid, seen_calendar bigint, seen_work bigint,
  nos bigint[], froms int[], tos int[], roles text[], jobs int[],
  counters text[], days date[], amounts int[], caps int[],
  lasts int default null, keep_until timestamptz default null, holder text default null, most_holds int default null,
  out what text, out places int[], out hits uuid[], out until timestamptz) language plpgsql volatile as $$
declare
  own uuid := case when how <> 'NEW' then of_appointment end;
  is_newer boolean; is_taken boolean; moment timestamptz; expired uuid[]; full_at int;
  second boolean := how = 'PROPOSE'; counted boolean := cardinality(counters) > 0;
  -- what changes in the counted capacities
  d_centers uuid[]; d_days date[]; d_counters text[]; d_amounts int[];
begin
  begin
    if holder is not null then
      perform pg_advisory_xact_lock(hashtextextended('holds ' || holder, 0));
      if (select count(*) from appointment
           where held_by = holder and status = 'HELD' and held_until > clock_timestamp()) >= most_holds then
        what := 'HOLDS';
        raise sqlstate 'FC409';
      end if;
    end if;
    perform pg_advisory_xact_lock(w.no) from unnest(nos) w (no) order by w.no; -- volatile: called after the sort
    loop
      -- Times of one resource do not overlap, so the last that begins before mine ends is the only one to look at.
      select exists (select from center_calendar where center_id = at_center and version > seen_calendar)
             or exists (select from center_calendar
                         where center_id = '00000000-0000-0000-0000-000000000000' and version > seen_work),
             exists (select from unnest(nos, froms, tos) w (no, from_cell, to_cell),
                            lateral (select r.to_cell from live_reservation r
                                      where r.resource_no = w.no and r.from_cell < w.to_cell
                                        and r.appointment_id is distinct from own
                                      order by r.from_cell desc limit 1) l
                      where l.to_cell > w.from_cell)
        into is_newer, is_taken;
      if is_newer then
        what := 'CALENDAR';
        raise sqlstate 'FC409';
      end if;
      exit when moment is not null or not (is_taken or counted);
      moment := clock_timestamp();
      select array_agg(distinct e.id) into expired from (
        select r.appointment_id as id
          from unnest(nos, froms, tos) w (no, from_cell, to_cell) join live_reservation r
               on r.resource_no = w.no and r.from_cell < w.to_cell and r.to_cell > w.from_cell
         where is_taken and r.held_until <= moment and r.appointment_id is distinct from own
        union all
        select c.appointment_id from unnest(days, counters) w (day, counter) join live_capacity c
               on c.center_id = at_center and c.on_day = w.day and c.counter = w.counter
         where c.held_until <= moment and c.appointment_id is distinct from own) e;
      exit when expired is null;
      perform from appointment a where a.id = own or a.id = any(expired) order by a.id for no key update;
      select array_agg(g.center), array_agg(g.day), array_agg(g.counter), array_agg(g.amount)
        into d_centers, d_days, d_counters, d_amounts from app.expire(expired, moment) g;
    end loop;
    if own is not null then
      perform from appointment a where a.id = own and a.version = expected for no key update;
      if not found then
        what := 'CHANGED';
        raise sqlstate 'FC409';
      end if;
    end if;
    if is_taken then
      select array_agg(w.place::int order by w.place), array_agg(l.appointment_id order by w.place) into places, hits
        from unnest(nos, froms, tos) with ordinality w (no, from_cell, to_cell, place),
             lateral (select r.appointment_id from live_reservation r
                       where r.resource_no = w.no and r.from_cell < w.to_cell and r.to_cell > w.from_cell
                         and r.appointment_id is distinct from own
                       order by r.from_cell desc limit 1) l;
      what := 'RESOURCE';
      raise sqlstate 'FC409';
    end if;
    until := case when lasts is not null then clock_timestamp() + make_interval(secs => lasts) else keep_until end;
    if own is not null then
      select d_centers || array_agg(g.center), d_days || array_agg(g.day), d_counters || array_agg(g.counter),
             d_amounts || array_agg(g.amount)
        into d_centers, d_days, d_counters, d_amounts from app.let_go(array[own], second) g;
    end if;
    if second then -- the day's hours are not counted twice for one appointment
      amounts := array(select greatest(0, w.amount - coalesce(c.amount, 0))
                         from unnest(days, counters, amounts) with ordinality w (day, counter, amount, place)
                              left join live_capacity c on c.appointment_id = own and c.center_id = at_center
                                                       and c.on_day = w.day and c.counter = w.counter
                        order by w.place);
    end if;
    if counted or d_centers is not null then
      full_at := app.count_capacity(
        d_centers || array_fill(at_center, array[cardinality(counters)]), d_days || days, d_counters || counters,
        d_amounts || amounts, array_fill(null::int, array[coalesce(cardinality(d_centers), 0)]) || caps);
      if full_at is not null then
        places := array[full_at - coalesce(cardinality(d_centers), 0)];
        what := 'COUNTER';
        raise sqlstate 'FC409';
      end if;
      insert into live_capacity (appointment_id, proposed, center_id, on_day, counter, amount, held_until)
        select of_appointment, second, at_center, w.day, w.counter, sum(w.amount), until
          from unnest(days, counters, amounts) w (day, counter, amount) where w.amount > 0 group by w.day, w.counter;
    end if;
    if second then
      insert into live_reservation (resource_no, from_cell, to_cell, appointment_id, role, job, held_until, proposed)
        select w.no, lower(piece), upper(piece), of_appointment, w.role, w.job, until, true
          from unnest(nos, froms, tos, roles, jobs) w (no, from_cell, to_cell, role, job),
               lateral (select coalesce(range_agg(int4range(r.from_cell, r.to_cell)), '{}') as taken
                          from live_reservation r where r.appointment_id = own and r.resource_no = w.no) o,
               unnest(int4multirange(int4range(w.from_cell, w.to_cell)) - o.taken) piece;
    else
      insert into live_reservation (resource_no, from_cell, to_cell, appointment_id, role, job, held_until)
        select w.no, w.from_cell, w.to_cell, of_appointment, w.role, w.job, until
          from unnest(nos, froms, tos, roles, jobs) w (no, from_cell, to_cell, role, job);
    end if;
    what := 'RESERVED';
  exception when sqlstate 'FC409' then null; -- gives back the locks that were taken since
  end;
end $$;

revoke all on function
  app.count_capacity(uuid[], date[], text[], int[], int[]), app.let_go(uuid[], boolean), app.release(uuid[], boolean),
  app.expire(uuid[], timestamptz), app.tidy_appointments(int),
  app.reserve(uuid, text, bigint, uuid, bigint, bigint, bigint[], int[], int[], text[], int[], text[], date[], int[], int[],
              int, timestamptz, text, int)
  from public;
grant execute on function
  app.count_capacity(uuid[], date[], text[], int[], int[]), app.let_go(uuid[], boolean), app.release(uuid[], boolean),
  app.expire(uuid[], timestamptz), app.tidy_appointments(int),
  app.reserve(uuid, text, bigint, uuid, bigint, bigint, bigint[], int[], int[], text[], int[], text[], date[], int[], int[],
              int, timestamptz, text, int)
  to forecourt_staff;

create sequence appointment_number;
create table appointment (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  number text not null default app.series('appointment_number', 'SA-', 8),
  kind text not null default 'SERVICE',
  status text not null default 'HELD',
  center_id uuid not null,
  account_id uuid,
  customer_account_id uuid,
  contact_id uuid,
  customer jsonb not null,
  lead_id uuid,
  brand text,
  asset_id uuid,
  vehicle_id uuid,
  definition_id uuid,
  transport text not null default 'WAIT',
  is_walk_in boolean not null default false,
  arrival_at timestamptz not null,
  start timestamptz not null,
  "end" timestamptz not null,
  promised_at timestamptz not null,
  blocked_from timestamptz not null,
  blocked_to timestamptz not null,
  jobs jsonb not null default '[]',
  work_types text[] not null default '{}',
  technician_id uuid,
  is_technician_asked boolean not null default false,
  technician_ids text[] not null default '{}',
  bay_id uuid,
  reservations jsonb not null default '[]',
  shares jsonb not null default '[]',
  notes text,
  internal_notes text,
  held_until timestamptz,
  held_by text,
  proposal jsonb,
  proposed jsonb,
  proposed_until timestamptz,
  reason text,
  is_late boolean not null default false,
  confirmed_at timestamptz,
  checked_in_at timestamptz,
  started_at timestamptz,
  ended_at timestamptz
);
create table waitlist_entry (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  center_id uuid not null,
  account_id uuid,
  offered_to text not null,
  customer_account_id uuid,
  contact_id uuid,
  kind text not null default 'SERVICE',
  work_types text[] not null default '{}',
  asset_id uuid,
  vehicle_id uuid,
  definition_id uuid,
  technician_id uuid,
  transport text not null default 'WAIT',
  earliest timestamptz not null,
  latest timestamptz not null,
  status text not null default 'WAITING',
  queued_at timestamptz not null,
  offered_until timestamptz,
  appointment_id uuid,
  declined text[] not null default '{}'
);
alter table appointment add constraint appointment_kind_check check (kind in ('SERVICE', 'TEST_DRIVE'));
alter table appointment add constraint appointment_status_check check (status in ('HELD', 'BOOKED', 'CHECKED_IN', 'IN_PROGRESS', 'COMPLETED', 'CANCELLED', 'NO_SHOW', 'EXPIRED'));
alter table appointment add constraint appointment_center_id_fkey foreign key (center_id) references service_center (id);
alter table appointment add constraint appointment_account_id_fkey foreign key (account_id) references account (id);
alter table appointment add constraint appointment_customer_account_id_fkey foreign key (customer_account_id) references account (id);
alter table appointment add constraint appointment_contact_id_fkey foreign key (contact_id) references contact (id);
alter table appointment add constraint appointment_asset_id_fkey foreign key (asset_id) references asset (id);
alter table appointment add constraint appointment_vehicle_id_fkey foreign key (vehicle_id) references vehicle (id);
alter table appointment add constraint appointment_definition_id_fkey foreign key (definition_id) references vehicle_definition (id);
alter table appointment add constraint appointment_transport_check check (transport in ('WAIT', 'DROP_OFF', 'LOANER', 'SHUTTLE', 'PICK_UP', 'MOBILE'));
alter table appointment add constraint appointment_technician_id_fkey foreign key (technician_id) references technician (id);
alter table appointment add constraint appointment_bay_id_fkey foreign key (bay_id) references bay (id);
alter table appointment add constraint appointment_ends_later check ("end" > start);
alter table appointment add constraint appointment_blocked check (blocked_from <= start and blocked_to >= "end");
alter table appointment add constraint appointment_held check (status <> 'HELD' or (held_until is not null and held_by is not null));
alter table appointment add constraint appointment_proposed check ((proposal is null) = (proposed_until is null));
alter table appointment add constraint appointment_ended check ((ended_at is null) = (status in ('HELD', 'BOOKED', 'CHECKED_IN', 'IN_PROGRESS')));
alter table waitlist_entry add constraint waitlist_entry_center_id_fkey foreign key (center_id) references service_center (id);
alter table waitlist_entry add constraint waitlist_entry_account_id_fkey foreign key (account_id) references account (id);
alter table waitlist_entry add constraint waitlist_entry_customer_account_id_fkey foreign key (customer_account_id) references account (id);
alter table waitlist_entry add constraint waitlist_entry_contact_id_fkey foreign key (contact_id) references contact (id);
alter table waitlist_entry add constraint waitlist_entry_kind_check check (kind in ('SERVICE', 'TEST_DRIVE'));
alter table waitlist_entry add constraint waitlist_entry_asset_id_fkey foreign key (asset_id) references asset (id);
alter table waitlist_entry add constraint waitlist_entry_vehicle_id_fkey foreign key (vehicle_id) references vehicle (id);
alter table waitlist_entry add constraint waitlist_entry_definition_id_fkey foreign key (definition_id) references vehicle_definition (id);
alter table waitlist_entry add constraint waitlist_entry_technician_id_fkey foreign key (technician_id) references technician (id);
alter table waitlist_entry add constraint waitlist_entry_transport_check check (transport in ('WAIT', 'DROP_OFF', 'LOANER', 'SHUTTLE', 'PICK_UP', 'MOBILE'));
alter table waitlist_entry add constraint waitlist_entry_status_check check (status in ('WAITING', 'OFFERED', 'TAKEN', 'WITHDRAWN', 'LAPSED'));
alter table waitlist_entry add constraint waitlist_entry_appointment_id_fkey foreign key (appointment_id) references appointment (id);
alter table waitlist_entry add constraint waitlist_entry_latest check (latest > earliest);
alter table waitlist_entry add constraint waitlist_entry_offered check ((status = 'OFFERED') = (offered_until is not null));
create index appointment_created_at_id_idx on appointment (created_at desc, id desc);
create unique index appointment_number_key on appointment (number);
create index appointment_account_id_created_at_id_idx on appointment (account_id, created_at desc, id desc);
create index appointment_customer_account_id_created_at_id_idx on appointment (customer_account_id, created_at desc, id desc);
create index appointment_center_id_start_id_idx on appointment (center_id, start, id);
create index appointment_technician_id_start_idx on appointment (technician_id, start);
create index appointment_start_id_idx on appointment (start, id);
create index appointment_asset_id_start_idx on appointment (asset_id, start);
create index appointment_held_by_idx on appointment (held_by) where status = 'HELD';
create index appointment_held_until_idx on appointment (held_until) where status = 'HELD';
create index appointment_proposed_until_idx on appointment (proposed_until) where proposed_until is not null;
create index appointment_center_id_start_idx on appointment (center_id, start) where status in ('HELD', 'BOOKED', 'CHECKED_IN', 'IN_PROGRESS');
create index appointment_contact_id_idx on appointment (contact_id);
create index appointment_lead_id_idx on appointment (lead_id);
create index appointment_vehicle_id_idx on appointment (vehicle_id);
create index appointment_definition_id_idx on appointment (definition_id);
create index appointment_bay_id_idx on appointment (bay_id);
create index waitlist_entry_created_at_id_idx on waitlist_entry (created_at desc, id desc);
create index waitlist_entry_account_id_created_at_id_idx on waitlist_entry (account_id, created_at desc, id desc);
create index waitlist_entry_customer_account_id_created_at_id_idx on waitlist_entry (customer_account_id, created_at desc, id desc);
create index waitlist_entry_center_id_queued_at_id_idx on waitlist_entry (center_id, queued_at, id) where status = 'WAITING';
create index waitlist_entry_appointment_id_idx on waitlist_entry (appointment_id);
create index waitlist_entry_latest_idx on waitlist_entry (latest) where status = 'WAITING';
create index waitlist_entry_contact_id_idx on waitlist_entry (contact_id);
create index waitlist_entry_asset_id_idx on waitlist_entry (asset_id);
create index waitlist_entry_vehicle_id_idx on waitlist_entry (vehicle_id);
create index waitlist_entry_definition_id_idx on waitlist_entry (definition_id);
create index waitlist_entry_technician_id_idx on waitlist_entry (technician_id);
alter table appointment enable row level security;
alter table appointment force row level security;
create policy appointment_owner_all on appointment for all to forecourt_owner using (true) with check (true);
create policy appointment_reader_select on appointment for select to forecourt_reader using (true);
create policy appointment_staff_all on appointment for all to forecourt_staff using ((select app.brands()) is null or brand = any((select app.brands())::text[])) with check ((select app.brands()) is null or brand = any((select app.brands())::text[]));
create policy appointment_customer_select on appointment for select to forecourt_customer using (customer_account_id = any((select app.units())::uuid[]));
create policy appointment_partner_select on appointment for select to forecourt_partner using (account_id = any((select app.group_units())::uuid[]));
create policy appointment_partner_insert on appointment for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy appointment_partner_update on appointment for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy appointment_partner_delete on appointment for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
alter table waitlist_entry enable row level security;
alter table waitlist_entry force row level security;
create policy waitlist_entry_owner_all on waitlist_entry for all to forecourt_owner using (true) with check (true);
create policy waitlist_entry_reader_select on waitlist_entry for select to forecourt_reader using (true);
create policy waitlist_entry_staff_all on waitlist_entry for all to forecourt_staff using (true) with check (true);
create policy waitlist_entry_customer_select on waitlist_entry for select to forecourt_customer using (customer_account_id = any((select app.units())::uuid[]));
create policy waitlist_entry_partner_select on waitlist_entry for select to forecourt_partner using (account_id = any((select app.units())::uuid[]));
create policy waitlist_entry_partner_insert on waitlist_entry for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy waitlist_entry_partner_update on waitlist_entry for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy waitlist_entry_partner_delete on waitlist_entry for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
grant select on appointment to forecourt_reader;
grant select, insert, update, delete on appointment to forecourt_staff;
grant select, insert, update, delete on appointment to forecourt_customer;
grant select, insert, update, delete on appointment to forecourt_partner;
grant select on waitlist_entry to forecourt_reader;
grant select, insert, update, delete on waitlist_entry to forecourt_staff;
grant select, insert, update, delete on waitlist_entry to forecourt_customer;
grant select, insert, update, delete on waitlist_entry to forecourt_partner;
create trigger appointment_touch before update on appointment for each row execute function app.touch();
create trigger appointment_remember after insert or update or delete on appointment for each row execute function app.remember();
create trigger appointment_name_new after insert on appointment for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger appointment_name_changed after update on appointment for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger appointment_name_gone after delete on appointment for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger waitlist_entry_touch before update on waitlist_entry for each row execute function app.touch();
create trigger waitlist_entry_remember after insert or update or delete on waitlist_entry for each row execute function app.remember();
create trigger waitlist_entry_name_new after insert on waitlist_entry for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger waitlist_entry_name_changed after update on waitlist_entry for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger waitlist_entry_name_gone after delete on waitlist_entry for each row when (old.external_keys <> '[]') execute function app.name_record();

-- migrate:down
drop table waitlist_entry, appointment, live_reservation, live_capacity, capacity_use;
drop sequence appointment_number;
drop function app.reserve, app.tidy_appointments, app.expire, app.release, app.let_go, app.count_capacity;
