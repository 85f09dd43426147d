-- migrate:up
set local search_path = public;
set local check_function_bodies = off;

alter table appointment add column licence jsonb;
alter table service_center add column sends_reminders boolean not null default true;

-- Whom a reminder was sent for which start: a second round of the clock finds it, and one that was moved is told anew.
create table appointment_reminder (
  appointment_id uuid not null constraint appointment_reminder_appointment_id_fkey references appointment (id) on delete cascade,
  start timestamptz not null,
  sent_at timestamptz not null,
  primary key (appointment_id, start)
);

-- The secret address of a user's calendar; only its hash is kept.
create table calendar_feed (
  user_id uuid primary key constraint calendar_feed_user_id_fkey references "user" (id) on delete cascade,
  token_hash bytea not null constraint calendar_feed_hash_check check (octet_length(token_hash) = 32),
  made_at timestamptz not null
);
create unique index calendar_feed_token_hash_key on calendar_feed (token_hash);
revoke all on appointment_reminder, calendar_feed from public;
grant select, insert, delete on appointment_reminder to forecourt_staff;
grant select, insert, update, delete on calendar_feed to forecourt_staff;

-- Who the user of a calendar's address is at this moment; no row where it opens nothing.
create function app.calendar_caller(hash bytea) returns setof app.caller
  language sql stable security definer set search_path = public, pg_temp as $$
  select c.* from calendar_feed f, app.caller_of_user(f.user_id, false) c where f.token_hash = hash
$$;
revoke all on function app.calendar_caller from public;
grant execute on function app.calendar_caller to forecourt_guest;

-- migrate:down
drop function app.calendar_caller;
drop table calendar_feed, appointment_reminder;
alter table service_center drop column sends_reminders;
alter table appointment drop column licence;
