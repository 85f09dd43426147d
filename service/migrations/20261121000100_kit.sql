-- migrate:up
set local search_path = public;
set local check_function_bodies = off;

-- Identity of the request, set for one transaction only. After a first use the settings fall back to '' and not to null.
create function app.uid() returns uuid language sql stable parallel safe
  as $$ select nullif(current_setting('app.uid', true), '')::uuid $$;
create function app.contact() returns uuid language sql stable parallel safe
  as $$ select nullif(current_setting('app.contact', true), '')::uuid $$;
create function app.units() returns uuid[] language sql stable parallel safe
  as $$ select coalesce(nullif(current_setting('app.units', true), ''), '{}')::uuid[] $$;
create function app.group_units() returns uuid[] language sql stable parallel safe
  as $$ select coalesce(nullif(current_setting('app.group_units', true), ''), '{}')::uuid[] $$;
create function app.audiences() returns smallint[] language sql stable parallel safe
  as $$ select coalesce(nullif(current_setting('app.audiences', true), ''), '{}')::smallint[] $$;
create function app.brands() returns text[] language sql stable parallel safe
  as $$ select nullif(nullif(current_setting('app.brands', true), ''), '*')::text[] $$;
create function app.moment() returns timestamptz language sql stable parallel safe
  as $$ select coalesce(nullif(current_setting('app.now', true), '')::timestamptz, statement_timestamp()) $$;
create function app.today() returns date language sql stable parallel safe
  as $$ select (app.moment() at time zone 'UTC')::date $$;

-- Running numbers: the prefix and at least so many digits.
create function app.series(name text, prefix text, digits int) returns text language sql volatile security definer
  set search_path = public, pg_temp
  as $$ select prefix || lpad(n::text, greatest(digits, length(n::text)), '0') from nextval(name::regclass) n $$;

-- History: audit, change feed and source of events in one append-only table.
create sequence history_seq;
create table history (
  seq bigint not null default nextval('history_seq'),
  xid xid8 not null default pg_current_xact_id(),
  at timestamptz not null,
  entity text not null,
  record_id uuid not null,
  version bigint not null,
  op text not null constraint history_op_check check (op in ('CREATE', 'UPDATE', 'DELETE', 'ERASE')),
  command text,
  actor text not null,
  on_behalf_of uuid,
  request_id text,
  changes jsonb not null,
  primary key (at, seq)
) partition by range (at);
create table history_rest partition of history default;
create index history_record_idx on history (entity, record_id, seq);
create index history_feed_idx on history (xid, seq);
revoke all on history from public;
grant select on history to forecourt_reader;

-- Makes the monthly partitions of a table that grows without end; a row beyond them lands in <table>_rest.
create function app.make_partitions(parent text, months int) returns int language plpgsql security definer
  set search_path = public, pg_temp as $$
declare
  first date; part text; made int := 0;
begin
  for i in 0 .. months loop
    first := (date_trunc('month', now() at time zone 'UTC') + make_interval(months => i))::date;
    part := parent || to_char(first, '_YYYYMM');
    if to_regclass(quote_ident(part)) is null then
      execute format('create table %I partition of %I for values from (%L) to (%L)', part, parent,
                     first::text || ' 00:00:00+00', (first + interval '1 month')::date::text || ' 00:00:00+00');
      made := made + 1;
    end if;
  end loop;
  return made;
end $$;
select app.make_partitions('history', 3);

-- An update that changes nothing is none: neither version nor history tell of it.
create function app.touch() returns trigger language plpgsql as $$
begin
  if new is not distinct from old then return new; end if;
  new.version := old.version + 1;
  new.updated_at := app.moment();
  return new;
end $$;

-- Writes what changed. Columns named as arguments are secrets: that they changed is told, what they held is not; those
-- with a dash before them are not told at all.
create function app.remember() returns trigger language plpgsql security definer
  set search_path = public, pg_temp as $$
declare
  was jsonb; now_is jsonb; told jsonb; subject record;
begin
  if tg_op <> 'INSERT' then was := to_jsonb(old) - '{version,created_at,updated_at}'::text[]; end if;
  if tg_op <> 'DELETE' then now_is := to_jsonb(new) - '{version,created_at,updated_at}'::text[]; end if;
  if tg_op = 'INSERT' then
    subject := new;
    select coalesce(jsonb_object_agg(key, jsonb_build_array(null, value)), '{}') into told
      from jsonb_each(now_is - 'id') where value not in ('null', '[]', '{}');
  elsif tg_op = 'DELETE' then
    subject := old;
    select coalesce(jsonb_object_agg(key, jsonb_build_array(value, null)), '{}') into told
      from jsonb_each(was - 'id') where value not in ('null', '[]', '{}');
  else
    subject := new;
    select coalesce(jsonb_object_agg(key, jsonb_build_array(was -> key, value)), '{}') into told
      from jsonb_each(now_is) where value is distinct from was -> key;
  end if;
  for i in 0 .. tg_nargs - 1 loop
    if tg_argv[i] like '-%' then told := told - substr(tg_argv[i], 2);
    elsif told ? tg_argv[i] then told := jsonb_set(told, array[tg_argv[i]], '["***", "***"]'); end if;
  end loop;
  if tg_op = 'UPDATE' and told = '{}' and coalesce(current_setting('app.command', true), '') = '' then
    return null;
  end if;
  insert into history (at, entity, record_id, version, op, command, actor, on_behalf_of, request_id, changes)
    values (app.moment(), tg_table_name, subject.id, subject.version,
            case tg_op when 'INSERT' then 'CREATE' else tg_op end,
            nullif(current_setting('app.command', true), ''),
            coalesce(nullif(current_setting('app.actor', true), ''), session_user),
            nullif(current_setting('app.on_behalf_of', true), '')::uuid,
            nullif(current_setting('app.request', true), ''), told);
  return null;
end $$;

-- Names that other systems give to records; kept equal to the records' external_keys.
create table external_key (
  entity text not null,
  system text not null,
  key text not null,
  record_id uuid not null,
  primary key (entity, system, key)
);
create index external_key_record_idx on external_key (record_id);
revoke all on external_key from public;
grant select on external_key to forecourt_guest, forecourt_customer, forecourt_partner, forecourt_staff, forecourt_reader;

create function app.name_record() returns trigger language plpgsql security definer
  set search_path = public, pg_temp as $$
begin
  if tg_op <> 'INSERT' then delete from external_key where entity = tg_table_name and record_id = old.id; end if;
  if tg_op <> 'DELETE' then
    insert into external_key (entity, system, key, record_id)
      select distinct tg_table_name, k ->> 'system', k ->> 'key', new.id from jsonb_array_elements(new.external_keys) k;
  end if;
  return null;
end $$;

-- The history of one record; the caller has read the record under its row policies before.
create function app.history_of(of_entity text, of_record uuid, before_seq bigint, most int)
  returns setof history language sql stable security definer set search_path = public, pg_temp
  as $$ select * from history where entity = of_entity and record_id = of_record and seq < before_seq
        order by seq desc limit most $$;

-- The private customers whom the caller's dealerships serve today, by dated relation.
create function app.related() returns uuid[] language sql stable security definer set search_path = public, pg_temp
  as $$ select coalesce(array_agg(distinct related_account_id), '{}') from account_account_relation
         where account_id = any(app.units()) and role in ('SELLING_DEALER', 'SERVICING_DEALER', 'LEAD')
           and starts_on <= app.today() and (ends_on is null or ends_on > app.today()) $$;

-- The assets in which the caller's account or the caller takes part today.
create function app.assets() returns uuid[] language sql stable security definer set search_path = public, pg_temp
  as $$ select coalesce(array_agg(asset_id), '{}') from (
          select asset_id from asset_account_participant
           where account_id = any(app.units())
             and starts_on <= app.today() and (ends_on is null or ends_on > app.today())
          union
          select asset_id from asset_contact_participant
           where contact_id = app.contact()
             and starts_on <= app.today() and (ends_on is null or ends_on > app.today())) a $$;

-- Keeps the audience code of a row that sharing rules may open.
create function app.share() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  select coalesce(max(case audience when 'PUBLIC' then 2 else 1 end), 0) into new.audience
    from sharing_rule where record_type = tg_table_name and status = 'ACTIVE' and to_jsonb(new) @> criteria;
  return new;
end $$;

-- Answers already given, by caller, route and key.
create table idempotency (
  caller text not null,
  route text not null,
  key text not null,
  body_hash bytea not null,
  status int not null,
  headers jsonb not null,
  body bytea not null,
  created_at timestamptz not null default now(),
  primary key (caller, route, key)
);
create index idempotency_created_idx on idempotency (created_at);
grant select, insert, update on idempotency
  to forecourt_guest, forecourt_customer, forecourt_partner, forecourt_staff;

-- migrate:down
drop table idempotency, external_key, history;
drop sequence history_seq;
