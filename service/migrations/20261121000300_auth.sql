-- migrate:up
set local search_path = public;
set local check_function_bodies = off;

-- Sign-ins. No class of the service reads these tables: all access is by the functions below.
create table session (
  id uuid primary key,
  kind text not null constraint session_kind_check check (kind in ('TOKEN', 'BROWSER', 'CLIENT')),
  user_id uuid constraint session_user_id_fkey references "user" (id) on delete cascade,
  api_client_id uuid constraint session_api_client_id_fkey references api_client (id) on delete cascade,
  scopes text[] not null default '{}',
  address text,
  agent text,
  began_at timestamptz not null,
  last_used_at timestamptz not null,
  idle interval,  -- a browser's session ends when it has not been used for so long
  expires_at timestamptz not null,
  ended_at timestamptz,
  ended_by text,
  constraint session_whose check ((user_id is null) <> (api_client_id is null)),
  constraint session_client check ((kind = 'CLIENT') = (api_client_id is not null))
);
create index session_user_id_idx on session (user_id) where ended_at is null;
create index session_api_client_id_idx on session (api_client_id) where ended_at is null;
create index session_expires_at_idx on session (expires_at);

-- What callers show: only SHA-256 of it is kept. A refresh token is spent once; its second use ends the session.
create table session_token (
  token_hash bytea primary key constraint session_token_hash_check check (octet_length(token_hash) = 32),
  session_id uuid not null constraint session_token_session_id_fkey references session (id) on delete cascade,
  kind text not null constraint session_token_kind_check check (kind in ('ACCESS', 'REFRESH', 'COOKIE')),
  expires_at timestamptz not null,
  spent_at timestamptz
);
create index session_token_session_id_idx on session_token (session_id);

-- A caller as the service knows them; the columns are those of Principal.
create type app.caller as (
  persona text, user_id uuid, account_id uuid, contact_id uuid, client_id text, units uuid[], group_units uuid[],
  roles text[], roles_at jsonb, scopes text[], brands text[], session_id uuid
);

-- All accounts below these, and they themselves, so far as they are active. In PL/pgSQL, as what follows, because its
-- plans are kept from call to call: all of this runs on every request of a partner.
create function app.branches(tops uuid[]) returns uuid[] language plpgsql stable as $$
begin
  return (
    with recursive below as (
      select id from account where id = any(tops) and is_active
      union
      select a.id from below b join account a on a.parent_account_id = b.id where a.is_active)
    select coalesce(array_agg(id), '{}') from below);
end $$;

-- The tops of the dealer groups to which these accounts belong.
create function app.group_tops(units uuid[]) returns uuid[] language plpgsql stable as $$
begin
  return (
    with recursive above as (
      select id, parent_account_id from account where id = any(units)
      union
      select a.id, a.parent_account_id from above b join account a on a.id = b.parent_account_id
       where a.type in ('DEALER_GROUP', 'DEALER'))
    select coalesce(array_agg(id), '{}') from above x
     where not exists (select from above y where y.id = x.parent_account_id));
end $$;

-- Partners sign in, and stay signed in, only while partner relationship management is enabled and theirs is an active
-- partner account.
create function app.partner_open(of_account uuid) returns boolean language plpgsql stable as $$
begin
  return exists (select from account a where a.id = of_account and a.is_active and a.is_partner)
     and exists (select from prm_setting where status = 'ENABLED');
end $$;

-- Who a user is at this moment; no row where they may not act. An invited user may act in the first sign-in alone.
create function app.caller_of_user(the_user uuid, signing_in boolean) returns setof app.caller
  language plpgsql stable as $$
declare
  u "user"; c app.caller;
begin
  select * into u from "user"
   where id = the_user and (status = 'ACTIVE' or (signing_in and status = 'INVITED'));
  if not found then return; end if;
  c.persona := u.persona; c.user_id := u.id; c.account_id := u.account_id; c.contact_id := u.contact_id;
  c.units := '{}'; c.group_units := '{}'; c.roles := '{}'; c.roles_at := '{}'; c.scopes := '{}';
  if u.persona = 'STAFF' then
    c.brands := nullif(u.brands, '{}');
    select coalesce(array_agg(r.role order by r.role), '{}') into c.roles
      from role_assignment r where r.user_id = u.id and r.account_id is null;
  elsif u.persona = 'CUSTOMER' then
    if not exists (select from account a where a.id = u.account_id and a.is_active) then return; end if;
    c.units := array[u.account_id];
  else
    if not app.partner_open(u.account_id) then return; end if;
    with recursive held(account_id, role) as (
      select r.account_id, r.role from role_assignment r join account a on a.id = r.account_id
       where r.user_id = u.id and a.is_active and a.is_partner
      union
      select a.id, h.role from held h join account a on a.parent_account_id = h.account_id
       where h.role = 'GROUP_MANAGER' and a.is_active),
    at_account as (select h.account_id, array_agg(h.role order by h.role) as roles from held h group by 1)
    select coalesce(array_agg(t.account_id order by t.account_id), '{}'),
           coalesce((select array_agg(distinct h.role) from held h), '{}'),
           coalesce(jsonb_object_agg(t.account_id, t.roles), '{}')
      into c.units, c.roles, c.roles_at from at_account t;
    c.group_units := app.branches(app.group_tops(c.units));
  end if;
  return next c;
end $$;

-- Who a system is at this moment. One that belongs to a partner's account acts as that partner, within its scopes.
create function app.caller_of_client(the_client uuid, granted text[]) returns setof app.caller
  language plpgsql stable as $$
declare
  k api_client; c app.caller;
begin
  select * into k from api_client where id = the_client and status = 'ACTIVE';
  if not found then return; end if;
  c.client_id := k.client_id; c.account_id := k.account_id;
  c.units := '{}'; c.group_units := '{}'; c.roles := '{}'; c.roles_at := '{}'; c.brands := nullif(k.brands, '{}');
  select coalesce(array_agg(s order by s), '{}') into c.scopes from unnest(granted) s where s = any(k.scopes);
  if k.account_id is null then
    c.persona := 'SYSTEM';
  else
    if not app.partner_open(k.account_id) then return; end if;
    c.persona := 'PARTNER';
    c.units := app.branches(array[k.account_id]);
    c.group_units := app.branches(app.group_tops(c.units));
  end if;
  return next c;
end $$;

-- The caller who shows this token now. That it was used is noted at most once a minute. Planning anew for each array
-- would cost three times what the queries do.
create function app.authenticate(hash bytea, kind_shown text default 'ACCESS') returns setof app.caller
  language plpgsql volatile security definer set search_path = public, pg_temp
  set plan_cache_mode = force_generic_plan as $$
declare
  s session; c app.caller; moment timestamptz := app.moment();
begin
  select s1.* into s from session_token t join session s1 on s1.id = t.session_id
   where t.token_hash = hash and t.kind = kind_shown and t.expires_at > moment
     and s1.ended_at is null and s1.expires_at > moment
     and (s1.idle is null or s1.last_used_at + s1.idle > moment);
  if not found then return; end if;
  if s.user_id is not null then
    select * into c from app.caller_of_user(s.user_id, false);
  else
    select * into c from app.caller_of_client(s.api_client_id, s.scopes);
  end if;
  if c.persona is null then return; end if;
  c.session_id := s.id;
  if s.last_used_at < moment - interval '1 minute' then
    update session set last_used_at = moment
     where id = (select id from session where id = s.id for no key update skip locked);
  end if;
  return next c;
end $$;
-- What users prove themselves by. The secret of the second factor is encrypted with the service's key.
create table credential (
  user_id uuid primary key constraint credential_user_id_fkey references "user" (id) on delete cascade,
  password_hash text,
  password_changed_at timestamptz,
  otp_secret bytea,
  otp_confirmed_at timestamptz,
  otp_last_step bigint,
  recovery_hashes bytea[] not null default '{}',
  constraint credential_otp check (otp_confirmed_at is null or otp_secret is not null)
);

-- Secrets of system clients, two at a time so that they can be changed without a pause.
create table client_secret (
  id uuid primary key,
  api_client_id uuid not null constraint client_secret_api_client_id_fkey references api_client (id) on delete cascade,
  secret_hash bytea not null constraint client_secret_hash_check check (octet_length(secret_hash) = 32),
  made_at timestamptz not null,
  ended_at timestamptz
);
create index client_secret_api_client_id_idx on client_secret (api_client_id) where ended_at is null;

-- Mailed tokens: each opens one thing, once, until its time.
create table single_use_token (
  token_hash bytea primary key constraint single_use_token_hash_check check (octet_length(token_hash) = 32),
  purpose text not null
    constraint single_use_token_purpose_check check (purpose in ('RESET', 'INVITATION', 'REGISTRATION')),
  user_id uuid constraint single_use_token_user_id_fkey references "user" (id) on delete cascade,
  mail text not null,
  data jsonb not null default '{}',
  made_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz
);
create index single_use_token_mail_idx on single_use_token (lower(mail), purpose);
create index single_use_token_user_id_idx on single_use_token (user_id);

-- What is counted against limits, and the addresses and devices from which a user has signed in before.
create table attempt (
  bucket text not null,
  at timestamptz not null
);
create index attempt_bucket_idx on attempt (bucket, at desc);
create table known_place (
  user_id uuid not null constraint known_place_user_id_fkey references "user" (id) on delete cascade,
  place text not null,
  seen_at timestamptz not null,
  primary key (user_id, place)
);

-- Seconds until the bucket takes another attempt; 0: now.
create function app.wait(of_bucket text, most int, period interval) returns int language sql stable
  set search_path = public, pg_temp as $$
  select coalesce((
    select greatest(1, ceil(extract(epoch from at + period - app.moment())))::int from attempt
     where bucket = of_bucket and at > app.moment() - period order by at desc offset most - 1 limit 1), 0) $$;

-- Takes one of the bucket's places; the seconds to wait where none is left.
create function app.take(of_bucket text, most int, period interval) returns int language plpgsql volatile
  security definer set search_path = public, pg_temp as $$
declare
  seconds int;
begin
  perform pg_advisory_xact_lock(hashtextextended('attempt ' || of_bucket, 0));
  seconds := app.wait(of_bucket, most, period);
  if seconds = 0 then insert into attempt values (of_bucket, app.moment()); end if;
  return seconds;
end $$;

create function app.account_key(mail text) returns text language sql immutable
  as $$ select encode(sha256(convert_to(lower(mail), 'UTF8')), 'hex') $$;

-- What a sign-in is checked against, and how long it must wait. Failures count for account and place together; where
-- the user has signed in before, strangers' failures do not count. `known` is the place that vouches.
create function app.sign_in(mail text, places text[], most int, most_strange int, most_place int, period interval)
  returns table (user_id uuid, persona text, password_hash text, otp_secret bytea, otp_last_step bigint, known text,
                 wait int)
  language plpgsql stable security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
declare
  key text := app.account_key(mail); u uuid;
begin
  select id, x.persona into u, persona from "user" x where lower(email) = lower(mail);
  select k.place into known from known_place k
   where k.user_id = u and k.place = any(places) and k.seen_at > app.moment() - interval '90 days'
   order by array_position(places, k.place) desc limit 1;
  if known is null then
    wait := greatest(app.wait(key || ' ' || places[1], most, period), app.wait(key || ' strange', most_strange, period),
                     app.wait('all ' || places[1], most_place, period));
  else
    wait := app.wait(key || ' ' || known, most, period);
  end if;
  user_id := u;
  select c.password_hash, case when c.otp_confirmed_at is not null then c.otp_secret end, c.otp_last_step
    into password_hash, otp_secret, otp_last_step from credential c where c.user_id = u;
  return next;
end $$;

create function app.sign_in_failed(mail text, places text[], known text) returns void language sql volatile
  security definer set search_path = public, pg_temp as $$
  insert into attempt
    select bucket, app.moment() from unnest(case when known is null
      then array[app.account_key(mail) || ' ' || places[1], app.account_key(mail) || ' strange', 'all ' || places[1]]
      else array[app.account_key(mail) || ' ' || known] end) bucket $$;

-- That something happened to a user's means of signing in, in the history of the user.
create function app.note_user(the_user uuid, of_command text) returns void language plpgsql volatile
  set search_path = public, pg_temp as $$
declare
  before text := coalesce(current_setting('app.command', true), '');
begin
  perform set_config('app.command', of_command, true);
  if coalesce(current_setting('app.actor', true), '') in ('', 'GUEST') then
    perform set_config('app.actor', the_user::text, true);
  end if;
  update "user" set updated_at = updated_at where id = the_user;
  perform set_config('app.command', before, true);
end $$;

create function app.end_sessions(the_user uuid, but uuid, why text) returns void language sql volatile
  set search_path = public, pg_temp as $$
  update session set ended_at = app.moment(), ended_by = why
   where user_id = the_user and ended_at is null and id is distinct from but $$;

-- Begins a session after the proof was right. No row: the user may not act, the password has changed meanwhile, or the
-- one-time code was used before.
create function app.start_session(
    the_user uuid, proof text, new_hash text, otp_step bigint, recovery bytea, the_session uuid, of_kind text,
    access_hash bytea, access_lasts interval, refresh_hash bytea, refresh_lasts interval, idles interval,
    lasts interval, from_address text, by_agent text, places text[])
  returns setof app.caller language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  c app.caller; moment timestamptz := app.moment(); k text := app.account_key((select email from "user" where id = the_user));
begin
  perform 1 from "user" where id = the_user for no key update;
  select * into c from app.caller_of_user(the_user, true);
  if c.persona is null then return; end if;
  update credential set
      password_hash = coalesce(new_hash, password_hash),
      otp_last_step = coalesce(otp_step, otp_last_step),
      recovery_hashes = case when recovery is null then recovery_hashes else array_remove(recovery_hashes, recovery) end
   where user_id = the_user and password_hash = proof
     and (otp_confirmed_at is null or otp_step > coalesce(otp_last_step, 0) or recovery = any(recovery_hashes));
  if not found then return; end if;
  perform set_config('app.actor', the_user::text, true), set_config('app.command', 'sign_in', true);
  update "user" set status = 'ACTIVE', first_login_at = coalesce(first_login_at, moment), last_login_at = moment
   where id = the_user;
  insert into session (id, kind, user_id, address, agent, began_at, last_used_at, idle, expires_at)
    values (the_session, of_kind, the_user, from_address, by_agent, moment, moment, idles, moment + lasts);
  insert into session_token
    values (access_hash, the_session, case of_kind when 'BROWSER' then 'COOKIE' else 'ACCESS' end, moment + access_lasts);
  if refresh_hash is not null then
    insert into session_token values (refresh_hash, the_session, 'REFRESH', moment + refresh_lasts);
  end if;
  insert into known_place select the_user, p, moment from unnest(places) p
    on conflict (user_id, place) do update set seen_at = excluded.seen_at;
  delete from attempt where bucket = k || ' ' || places[cardinality(places)];
  c.session_id := the_session;
  return next c;
end $$;

-- Begins a session of a system client. → 'OK', 'CLIENT' (unknown or wrong) or 'SCOPE' (more than it has).
create function app.start_client_session(
    the_client text, shown_hash bytea, asked text[], the_session uuid, access_hash bytea, access_lasts interval,
    from_address text, by_agent text)
  returns table (outcome text, persona text, scopes text[])
  language plpgsql volatile security definer set search_path = public, pg_temp as $$
#variable_conflict use_column
declare
  k api_client; c app.caller; moment timestamptz := app.moment();
begin
  select a.* into k from api_client a where a.client_id = the_client and a.status = 'ACTIVE' and exists (
    select from client_secret s where s.api_client_id = a.id and s.secret_hash = shown_hash and s.ended_at is null);
  select * into c from app.caller_of_client(k.id, coalesce(asked, k.scopes));
  if c.persona is null then
    outcome := 'CLIENT';
  elsif not coalesce(asked, '{}') <@ k.scopes then
    outcome := 'SCOPE';
  else
    insert into session (id, kind, api_client_id, scopes, address, agent, began_at, last_used_at, expires_at)
      values (the_session, 'CLIENT', k.id, c.scopes, from_address, by_agent, moment, moment, moment + access_lasts);
    insert into session_token values (access_hash, the_session, 'ACCESS', moment + access_lasts);
    if k.last_used_at is null or k.last_used_at < moment - interval '1 hour' then
      perform set_config('app.actor', k.client_id, true);
      update api_client set last_used_at = moment
       where id = (select id from api_client where id = k.id for no key update skip locked);
    end if;
    outcome := 'OK'; persona := c.persona; scopes := c.scopes;
  end if;
  return next;
end $$;

-- Spends a refresh token for a new pair. One that was spent before is in other hands too: its session ends.
create function app.refresh_session(shown_hash bytea, access_hash bytea, access_lasts interval, next_hash bytea,
    next_lasts interval)
  returns setof app.caller language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  t session_token; s session; c app.caller; moment timestamptz := app.moment();
begin
  select * into s from session where id = (
    select session_id from session_token where token_hash = shown_hash and kind = 'REFRESH') for no key update;
  if not found or s.ended_at is not null or s.expires_at <= moment then return; end if;
  select * into t from session_token where token_hash = shown_hash;
  if t.spent_at is not null then
    update session set ended_at = moment, ended_by = 'REFRESH_TOKEN_REUSED' where id = s.id;
    return;
  end if;
  select * into c from app.caller_of_user(s.user_id, false);
  if t.expires_at <= moment or c.persona is null then return; end if;
  update session_token set spent_at = moment where token_hash = shown_hash;
  update session set last_used_at = moment where id = s.id;
  insert into session_token values (access_hash, s.id, 'ACCESS', least(moment + access_lasts, s.expires_at)),
                                   (next_hash, s.id, 'REFRESH', least(moment + next_lasts, s.expires_at));
  c.session_id := s.id;
  return next c;
end $$;

create function app.refresh_persona(shown_hash bytea) returns text language sql stable
  security definer set search_path = public, pg_temp as $$
  select u.persona from session_token t join session s on s.id = t.session_id join "user" u on u.id = s.user_id
   where t.token_hash = shown_hash and t.kind = 'REFRESH' $$;

-- Ends the session to which a token belongs, whatever its kind.
create function app.revoke_token(shown_hash bytea) returns void language sql volatile
  security definer set search_path = public, pg_temp as $$
  update session set ended_at = app.moment(), ended_by = 'REVOKED'
   where ended_at is null and id = (select session_id from session_token where token_hash = shown_hash) $$;

-- What signed-in users do with their own means of signing in.
create function app.my_credential()
  returns table (email text, password_hash text, otp_secret bytea, otp_confirmed_at timestamptz, otp_last_step bigint)
  language sql stable security definer set search_path = public, pg_temp as $$
  select u.email, c.password_hash, c.otp_secret, c.otp_confirmed_at, c.otp_last_step
    from "user" u left join credential c on c.user_id = u.id where u.id = app.uid() $$;

create function app.change_password(proof text, new_hash text, the_session uuid) returns boolean
  language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  update credential set password_hash = new_hash, password_changed_at = app.moment()
   where user_id = app.uid() and password_hash = proof;
  if not found then return false; end if;
  perform app.end_sessions(app.uid(), the_session, 'PASSWORD_CHANGED');
  perform app.note_user(app.uid(), 'change_password');
  return true;
end $$;

create function app.enrol_otp(secret bytea) returns boolean
  language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  update credential set otp_secret = secret, otp_last_step = null
   where user_id = app.uid() and otp_confirmed_at is null;
  return found;
end $$;

create function app.confirm_otp(secret bytea, step bigint, recovery bytea[], the_session uuid) returns boolean
  language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  update credential set otp_confirmed_at = app.moment(), otp_last_step = step, recovery_hashes = recovery
   where user_id = app.uid() and otp_secret = secret and otp_confirmed_at is null;
  if not found then return false; end if;
  perform app.end_sessions(app.uid(), the_session, 'SECOND_FACTOR_ADDED');
  perform app.note_user(app.uid(), 'confirm_second_factor');
  return true;
end $$;

create function app.disable_otp(proof text, step bigint, recovery bytea) returns boolean
  language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  update credential set otp_secret = null, otp_confirmed_at = null, otp_last_step = null, recovery_hashes = '{}'
   where user_id = app.uid() and password_hash = proof and otp_confirmed_at is not null
     and (step > coalesce(otp_last_step, 0) or recovery = any(recovery_hashes));
  if found then perform app.note_user(app.uid(), 'disable_second_factor'); end if;
  return found;
end $$;

create function app.my_sessions()
  returns table (id uuid, kind text, address text, agent text, began_at timestamptz, last_used_at timestamptz,
                 expires_at timestamptz)
  language sql stable security definer set search_path = public, pg_temp as $$
  select s.id, s.kind, s.address, s.agent, s.began_at, s.last_used_at, s.expires_at from session s
   where s.user_id = app.uid() and s.ended_at is null and s.expires_at > app.moment()
     and (s.idle is null or s.last_used_at + s.idle > app.moment())
   order by s.last_used_at desc, s.id limit 200 $$;

create function app.end_my_session(the_session uuid) returns boolean
  language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  update session set ended_at = app.moment(), ended_by = 'SIGNED_OUT'
   where id = the_session and user_id = app.uid() and ended_at is null;
  return found;
end $$;

-- Mailed tokens. A new one puts an end to those before it.
create function app.make_token(of_purpose text, the_user uuid, to_mail text, told jsonb, hash bytea, lasts interval)
  returns void language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  update single_use_token set used_at = app.moment()
   where lower(mail) = lower(to_mail) and purpose = of_purpose and used_at is null;
  insert into single_use_token (token_hash, purpose, user_id, mail, data, made_at, expires_at)
    values (hash, of_purpose, the_user, to_mail, told, app.moment(), app.moment() + lasts);
end $$;

-- Whether the mailed token opens anything now; for whom.
create function app.token_mail(of_purpose text, hash bytea) returns text language sql stable
  security definer set search_path = public, pg_temp as $$
  select t.mail from single_use_token t left join "user" u on u.id = t.user_id
   where t.token_hash = hash and t.purpose = of_purpose and t.used_at is null and t.expires_at > app.moment()
     and case t.purpose when 'RESET' then u.status = 'ACTIVE' when 'INVITATION' then u.status = 'INVITED' else true end $$;

-- Takes a mailed token for a reset; true where a mail is to be sent: the user is there and active.
create function app.begin_reset(to_mail text, hash bytea, lasts interval) returns boolean
  language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  u "user";
begin
  select * into u from "user" where lower(email) = lower(to_mail) and status = 'ACTIVE';
  if not found then return false; end if;
  perform app.make_token('RESET', u.id, u.email, '{}', hash, lasts);
  return true;
end $$;

-- Sets the password by a mailed token and ends all sessions; null where the token opens nothing. The place from which
-- it was done is the user's from now on.
create function app.redeem_password(of_purpose text, hash bytea, new_hash text, places text[]) returns uuid
  language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  u uuid;
begin
  if app.token_mail(of_purpose, hash) is null then return null; end if;
  update single_use_token set used_at = app.moment() where token_hash = hash and used_at is null returning user_id into u;
  if u is null then return null; end if;
  insert into credential (user_id, password_hash, password_changed_at) values (u, new_hash, app.moment())
    on conflict (user_id) do update
    set password_hash = excluded.password_hash, password_changed_at = excluded.password_changed_at;
  insert into known_place select u, p, app.moment() from unnest(places) p
    on conflict (user_id, place) do update set seen_at = excluded.seen_at;
  perform app.end_sessions(u, null, 'PASSWORD_CHANGED');
  perform app.note_user(u, case of_purpose when 'RESET' then 'reset_password' else 'accept_invitation' end);
  return u;
end $$;

-- A customer who registers: true where the address is new and has been given a token, false where it is a user's.
create function app.begin_registration(to_mail text, told jsonb, hash bytea, lasts interval) returns boolean
  language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  if exists (select from "user" where lower(email) = lower(to_mail)) then return false; end if;
  perform app.make_token('REGISTRATION', null, to_mail, told, hash, lasts);
  return true;
end $$;

-- A confirmed address becomes a person account, its contact and an active user; null where the token opens nothing.
create function app.confirm_registration(hash bytea, new_hash text, the_account uuid, the_contact uuid, the_user uuid,
    places text[]) returns uuid
  language plpgsql volatile security definer set search_path = public, pg_temp as $$
declare
  t single_use_token; moment timestamptz := app.moment(); full_name text;
begin
  update single_use_token set used_at = moment
   where token_hash = hash and purpose = 'REGISTRATION' and used_at is null and expires_at > moment returning * into t;
  if not found or exists (select from "user" where lower(email) = lower(t.mail)) then return null; end if;
  full_name := concat_ws(' ', t.data ->> 'first_name', t.data ->> 'last_name');
  perform set_config('app.actor', the_user::text, true), set_config('app.command', 'register', true);
  insert into account (id, created_at, updated_at, kind, type, name, email, locale)
    values (the_account, moment, moment, 'PERSON', 'CUSTOMER', full_name, t.mail, t.data ->> 'locale');
  insert into contact (id, created_at, updated_at, account_id, first_name, last_name, email, locale)
    values (the_contact, moment, moment, the_account, t.data ->> 'first_name', t.data ->> 'last_name', t.mail,
            t.data ->> 'locale');
  insert into "user" (id, created_at, updated_at, email, name, persona, licence, account_id, contact_id, locale, status)
    values (the_user, moment, moment, t.mail, full_name, 'CUSTOMER', 'CUSTOMER_COMMUNITY_PLUS', the_account, the_contact,
            t.data ->> 'locale', 'ACTIVE');
  insert into credential (user_id, password_hash, password_changed_at) values (the_user, new_hash, moment);
  insert into known_place select the_user, p, moment from unnest(places) p;
  return the_user;
end $$;

-- A new secret of a client; of those before it only the latest stays.
create function app.add_client_secret(the_client uuid, the_id uuid, hash bytea) returns void
  language plpgsql volatile security definer set search_path = public, pg_temp as $$
begin
  perform 1 from api_client where id = the_client for no key update;
  update client_secret set ended_at = app.moment() where api_client_id = the_client and ended_at is null
     and id not in (select id from client_secret where api_client_id = the_client and ended_at is null
                     order by made_at desc, id desc limit 1);
  insert into client_secret values (the_id, the_client, hash, app.moment());
end $$;

-- For a lost device: the password alone is asked for from now on.
create function app.drop_otp(the_user uuid) returns void language plpgsql volatile security definer
  set search_path = public, pg_temp as $$
begin
  update credential set otp_secret = null, otp_confirmed_at = null, otp_last_step = null, recovery_hashes = '{}'
   where user_id = the_user;
  perform app.end_sessions(the_user, null, 'SECOND_FACTOR_DROPPED');
  perform app.note_user(the_user, 'drop_second_factor');
end $$;

-- Whether two accounts belong to one dealer group.
create function app.same_group(a uuid, b uuid) returns boolean language sql stable security definer
  set search_path = public, pg_temp as $$ select app.group_tops(array[a]) && app.group_tops(array[b]) $$;

-- Brings the audience of a record type's rows in line with the sharing rules that are active; other rows stay untouched.
create function app.reshare(of_entity text) returns void language plpgsql volatile security definer
  set search_path = public, pg_temp as $$
begin
  execute format(
    'update %1$I t set audience = s.code from (
       select e.id, coalesce((select max(case r.audience when ''PUBLIC'' then 2 else 1 end) from sharing_rule r
         where r.record_type = %1$L and r.status = ''ACTIVE'' and to_jsonb(e) @> r.criteria), 0)::smallint as code
         from %1$I e) s
      where s.id = t.id and s.code <> t.audience', of_entity);
end $$;

-- Forgets what is past its use: tokens, ended sessions after 90 days, counts, places not seen for 90 days.
create function app.tidy_sign_ins() returns void language sql volatile security definer
  set search_path = public, pg_temp as $$
  delete from session_token where expires_at < app.moment() - interval '1 day';
  delete from session where coalesce(ended_at, expires_at) < app.moment() - interval '90 days';
  delete from attempt where at < app.moment() - interval '2 days';
  delete from single_use_token where expires_at < app.moment() - interval '30 days';
  delete from known_place where seen_at < app.moment() - interval '90 days' $$;

-- Whoever may not act any more is signed out for good: a return does not revive old sessions.
create function app.sign_out_user() returns trigger language plpgsql security definer
  set search_path = public, pg_temp as $$
begin
  if new.status in ('SUSPENDED', 'DEACTIVATED') then perform app.end_sessions(new.id, null, new.status); end if;
  return null;
end $$;
create function app.sign_out_account() returns trigger language plpgsql security definer
  set search_path = public, pg_temp as $$
begin
  if (old.is_partner and not new.is_partner) or (old.is_active and not new.is_active) then
    update session s set ended_at = app.moment(), ended_by = 'ACCOUNT_CLOSED' from "user" u
     where u.account_id = new.id and s.user_id = u.id and s.ended_at is null
       and (not new.is_active or u.persona = 'PARTNER');
    update session s set ended_at = app.moment(), ended_by = 'ACCOUNT_CLOSED' from api_client k
     where k.account_id = new.id and s.api_client_id = k.id and s.ended_at is null;
  end if;
  return null;
end $$;
create function app.sign_out_client() returns trigger language plpgsql security definer
  set search_path = public, pg_temp as $$
begin
  if new.status = 'REVOKED' then
    update session set ended_at = app.moment(), ended_by = 'REVOKED' where api_client_id = new.id and ended_at is null;
  end if;
  return null;
end $$;

do $$
declare
  f regprocedure;
begin
  foreach f in array array[
      'app.take', 'app.sign_in', 'app.sign_in_failed', 'app.start_session', 'app.start_client_session',
      'app.refresh_session', 'app.refresh_persona', 'app.revoke_token', 'app.my_credential', 'app.change_password', 'app.enrol_otp',
      'app.confirm_otp', 'app.disable_otp', 'app.my_sessions', 'app.end_my_session', 'app.make_token',
      'app.token_mail', 'app.begin_reset', 'app.redeem_password', 'app.begin_registration',
      'app.confirm_registration', 'app.add_client_secret', 'app.tidy_sign_ins', 'app.drop_otp', 'app.reshare', 'app.same_group', 'app.authenticate']::regproc[]::regprocedure[] loop
    execute format('revoke all on function %s from public', f);
  end loop;
end $$;
-- Before anybody is known
grant execute on function app.authenticate, app.sign_in, app.sign_in_failed, app.start_session,
  app.start_client_session, app.refresh_session, app.refresh_persona, app.revoke_token, app.token_mail, app.begin_reset,
  app.redeem_password, app.begin_registration, app.confirm_registration, app.tidy_sign_ins to forecourt_guest;
-- For oneself
grant execute on function app.my_credential, app.change_password, app.enrol_otp, app.confirm_otp, app.disable_otp,
  app.my_sessions, app.end_my_session to forecourt_customer, forecourt_partner, forecourt_staff;
grant execute on function app.take to forecourt_guest, forecourt_customer, forecourt_partner, forecourt_staff;
-- For those who look after others, systems and what is shared
grant execute on function app.make_token, app.add_client_secret, app.drop_otp, app.reshare to forecourt_staff;
grant execute on function app.same_group to forecourt_partner, forecourt_staff;

alter table "user" drop constraint user_belongs;
alter table "user" add constraint user_belongs
  check ((persona = 'STAFF') = (account_id is null) and (persona = 'STAFF') = (contact_id is null));
alter table role_assignment add constraint role_assignment_role_check
  check (role in ('SALES', 'SALES_MANAGER', 'BDC', 'SERVICE_ADVISOR', 'SERVICE_MANAGER', 'TECHNICIAN', 'PARTS',
                  'WARRANTY_ADMIN', 'GROUP_MANAGER', 'SUPPLIER', 'ADMIN', 'CHANNEL_MANAGER', 'SALES_OPERATIONS',
                  'TERRITORY_MANAGER', 'ASSESSOR', 'WARRANTY_MANAGER', 'PRODUCT_MANAGER', 'ADJUDICATOR', 'FINANCE',
                  'CAPTIVE_AGENT', 'SERVICE_AGENT', 'PLANT_OPERATOR', 'QUALITY', 'DISTRIBUTION', 'MARKETING', 'DESIGNER',
                  'EXECUTIVE'));
alter table role_assignment add constraint role_assignment_place
  check ((account_id is not null) = (role in ('SALES', 'SALES_MANAGER', 'BDC', 'SERVICE_ADVISOR', 'SERVICE_MANAGER',
                                              'TECHNICIAN', 'PARTS', 'WARRANTY_ADMIN', 'GROUP_MANAGER', 'SUPPLIER')));
create trigger user_sign_out after update of status on "user" for each row execute function app.sign_out_user();
create trigger account_sign_out after update of is_partner, is_active on account
  for each row execute function app.sign_out_account();
create trigger api_client_sign_out after update of status on api_client
  for each row execute function app.sign_out_client();
drop policy brand_guest_select on brand;
revoke select on brand from forecourt_guest;

-- Codes that dealers print for the owners of cars; only their SHA-256 is kept.
create table vehicle_claim_code (
  code_hash text primary key,
  vehicle_id uuid not null constraint vehicle_claim_code_vehicle_id_fkey references vehicle (id) on delete cascade,
  made_by text not null,
  expires_at timestamptz not null,
  used_at timestamptz
);
create index vehicle_claim_code_vehicle_id_idx on vehicle_claim_code (vehicle_id);
grant select, insert, update on vehicle_claim_code to forecourt_staff;

create table vehicle_claim (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  user_id uuid not null,
  account_id uuid not null,
  contact_id uuid not null,
  vin text not null,
  registration_number text,
  code_hash text,
  vehicle_id uuid,
  status text not null default 'RECEIVED'
);
alter table vehicle_claim add constraint vehicle_claim_user_id_fkey foreign key (user_id) references "user" (id);
alter table vehicle_claim add constraint vehicle_claim_account_id_fkey foreign key (account_id) references account (id);
alter table vehicle_claim add constraint vehicle_claim_contact_id_fkey foreign key (contact_id) references contact (id);
alter table vehicle_claim add constraint vehicle_claim_vehicle_id_fkey foreign key (vehicle_id) references vehicle (id);
alter table vehicle_claim add constraint vehicle_claim_status_check check (status in ('RECEIVED', 'REVIEW', 'MATCHED', 'DECLINED', 'EXPIRED'));
alter table vehicle_claim add constraint vehicle_claim_proof check ((registration_number is null) <> (code_hash is null));
create index vehicle_claim_created_at_id_idx on vehicle_claim (created_at desc, id desc);
create index vehicle_claim_status_created_at_idx on vehicle_claim (status, created_at) where status in ('RECEIVED', 'REVIEW');
create index vehicle_claim_user_id_created_at_idx on vehicle_claim (user_id, created_at);
create index vehicle_claim_account_id_idx on vehicle_claim (account_id);
create index vehicle_claim_contact_id_idx on vehicle_claim (contact_id);
create index vehicle_claim_vehicle_id_idx on vehicle_claim (vehicle_id);
alter table vehicle_claim enable row level security;
alter table vehicle_claim force row level security;
create policy vehicle_claim_owner_all on vehicle_claim for all to forecourt_owner using (true) with check (true);
create policy vehicle_claim_reader_select on vehicle_claim for select to forecourt_reader using (true);
create policy vehicle_claim_staff_all on vehicle_claim for all to forecourt_staff using (true) with check (true);
grant select on vehicle_claim to forecourt_reader;
grant select, insert, update, delete on vehicle_claim to forecourt_staff;
create trigger vehicle_claim_touch before update on vehicle_claim for each row execute function app.touch();
create trigger vehicle_claim_remember after insert or update or delete on vehicle_claim for each row execute function app.remember('code_hash');
create trigger vehicle_claim_name_new after insert on vehicle_claim for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger vehicle_claim_name_changed after update on vehicle_claim for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger vehicle_claim_name_gone after delete on vehicle_claim for each row when (old.external_keys <> '[]') execute function app.name_record();

-- There is one setting, and it begins switched off.
insert into prm_setting (id, created_at, updated_at) values (gen_random_uuid(), now(), now());

-- migrate:down
do $$ begin raise exception 'restore a backup instead'; end $$;
