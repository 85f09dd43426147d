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

-- All accounts below these, and they themselves, so far as they are active.
create function app.branches(tops uuid[]) returns uuid[] language sql stable set search_path = public, pg_temp as $$
  with recursive below as (
    select id from account where id = any(tops) and is_active
    union
    select a.id from below b join account a on a.parent_account_id = b.id where a.is_active)
  select coalesce(array_agg(id), '{}') from below $$;

-- The tops of the dealer groups to which these accounts belong.
create function app.group_tops(units uuid[]) returns uuid[] language sql stable set search_path = public, pg_temp as $$
  with recursive above as (
    select id, parent_account_id from account where id = any(units)
    union
    select a.id, a.parent_account_id from above b join account a on a.id = b.parent_account_id
     where a.type in ('DEALER_GROUP', 'DEALER'))
  select coalesce(array_agg(id), '{}') from above x
   where not exists (select from above y where y.id = x.parent_account_id) $$;

-- Partners sign in, and stay signed in, only while partner relationship management is enabled and theirs is an active
-- partner account.
create function app.partner_open(account_id uuid) returns boolean language sql stable
  set search_path = public, pg_temp as $$
  select exists (select from account a where a.id = account_id and a.is_active and a.is_partner)
     and exists (select from prm_setting where status = 'ENABLED') $$;

-- Who a user is at this moment; no row where they may not act. An invited user may act in the first sign-in alone.
create function app.caller_of_user(the_user uuid, signing_in boolean) returns setof app.caller
  language plpgsql stable set search_path = public, pg_temp as $$
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
  language plpgsql stable set search_path = public, pg_temp as $$
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

-- The caller who shows this token now. That it was used is noted at most once a minute.
create function app.authenticate(hash bytea, kind_shown text default 'ACCESS') returns setof app.caller
  language plpgsql volatile security definer set search_path = public, pg_temp as $$
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
revoke all on function app.authenticate(bytea, text) from public;
grant execute on function app.authenticate(bytea, text) to forecourt_guest;

-- There is one setting, and it begins switched off.
insert into prm_setting (id, created_at, updated_at) values (gen_random_uuid(), now(), now());

-- migrate:down
drop function app.authenticate, app.caller_of_client, app.caller_of_user, app.partner_open, app.group_tops, app.branches;
drop type app.caller;
drop table session_token, session;
