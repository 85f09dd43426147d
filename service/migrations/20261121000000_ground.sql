-- migrate:up
set local search_path = public;

-- The classes that row policies are written for. Roles belong to the whole server: another database may have made them.
do $$
declare name text;
begin
  foreach name in array array['forecourt_owner', 'forecourt_guest', 'forecourt_customer', 'forecourt_partner',
                              'forecourt_staff', 'forecourt_reader'] loop
    begin
      if not exists (select from pg_roles where rolname = name) then
        execute format('create role %I nologin', name);
      end if;
    exception
      when duplicate_object or unique_violation then null;  -- another database was faster
      when insufficient_privilege then
        raise exception 'The role % is missing and % may not create it.', name, current_user
          using hint = format('As an administrator: create role %I nologin;', name);
    end;
  end loop;
end $$;

revoke all on schema public from public;
create schema app;
grant usage on schema public, app
  to forecourt_owner, forecourt_guest, forecourt_customer, forecourt_partner, forecourt_staff, forecourt_reader;

-- What this database is. A restore begins a new epoch, for change tokens of the old one mean nothing afterwards.
create table app.deployment (
  only_row boolean primary key default true constraint deployment_only_row check (only_row),
  epoch uuid not null default gen_random_uuid(),
  began_at timestamptz not null default now(),
  purpose text constraint deployment_purpose check (purpose in ('DEMO', 'LIVE', 'SANDBOX')),
  demo_loaded_at timestamptz
);
insert into app.deployment default values;
grant select on app.deployment
  to forecourt_guest, forecourt_customer, forecourt_partner, forecourt_staff, forecourt_reader;
create function app.epoch() returns uuid language sql stable parallel safe
  begin atomic select epoch from app.deployment; end;

grant select on schema_migrations to forecourt_reader;

-- migrate:down
drop schema app cascade;
grant usage on schema public to public;
