-- migrate:up
set local search_path = public;
set local check_function_bodies = off;

-- A vehicle is seen by those who see its open stock entry: its dealer and audience are kept equal to that.
create function app.place_vehicle() returns trigger language plpgsql security definer
  set search_path = public, pg_temp as $$
begin
  update vehicle v set dealer_account_id = e.dealer_account_id, audience = coalesce(e.audience, 0)
    from (select 1) one left join stock_entry e on e.vehicle_id = coalesce(new.vehicle_id, old.vehicle_id) and e.left_on is null
   where v.id = coalesce(new.vehicle_id, old.vehicle_id)
     and (v.dealer_account_id, v.audience) is distinct from (e.dealer_account_id, coalesce(e.audience, 0));
  return null;
end $$;

-- Partner relationship management, once enabled, stays so.
create function app.no_way_back() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' or (old.status = 'ENABLED' and new.status <> 'ENABLED') then
    raise exception 'partner relationship management cannot be switched off' using errcode = 'check_violation',
      constraint = 'prm_setting_no_way_back', table = 'prm_setting';
  end if;
  return new;
end $$;

create sequence vehicle_import_number;
create sequence vehicle_listing_number;
create sequence account_number;
create table brand (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  code text not null,
  name text not null
);
create table account (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  number text not null default app.series('account_number', 'A-', 6),
  kind text not null,
  type text not null default 'CUSTOMER',
  name text not null,
  brands text[] not null default '{}',
  parent_account_id uuid,
  owner_id uuid,
  is_partner boolean not null default false,
  is_active boolean not null default true,
  email text,
  phone text,
  address jsonb,
  country text,
  time_zone text not null default 'UTC',
  locale text not null default 'en',
  audience smallint not null default 0
);
create table contact (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  account_id uuid not null,
  first_name text,
  last_name text not null,
  email text,
  phone text,
  address jsonb,
  birth_on date,
  locale text not null default 'en',
  notes text
);
create table account_account_relation (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  account_id uuid not null,
  related_account_id uuid not null,
  role text not null,
  starts_on date not null,
  ends_on date
);
create table account_contact_relation (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  account_id uuid not null,
  contact_id uuid not null,
  role text not null,
  starts_on date not null,
  ends_on date
);
create table contact_contact_relation (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  account_id uuid not null,
  contact_id uuid not null,
  related_contact_id uuid not null,
  role text not null,
  starts_on date not null,
  ends_on date
);
create table "user" (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  email text not null,
  name text not null,
  persona text not null,
  licence text,
  account_id uuid,
  contact_id uuid,
  brands text[] not null default '{}',
  locale text not null default 'en',
  time_zone text not null default 'UTC',
  status text not null default 'INVITED',
  first_login_at timestamptz,
  last_login_at timestamptz
);
create table role_assignment (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  user_id uuid not null,
  account_id uuid,
  role text not null
);
create table api_client (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  client_id text not null,
  name text not null,
  scopes text[] not null default '{}',
  brands text[] not null default '{}',
  account_id uuid,
  status text not null default 'ACTIVE',
  last_used_at timestamptz
);
create table sharing_rule (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  name text not null,
  record_type text not null,
  audience text not null,
  criteria jsonb not null default '{}',
  status text not null default 'DRAFT'
);
create table prm_setting (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  status text not null default 'DISABLED',
  enabled_at timestamptz
);
create table product (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  code text not null,
  name text not null,
  type text not null,
  brand text,
  is_serialized boolean not null default false,
  attributes jsonb not null default '{}',
  available_from_on date,
  discontinued_on date,
  status text not null default 'DRAFT',
  audience smallint not null default 0
);
create table vehicle_definition (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  product_id uuid,
  brand text,
  make text not null,
  model text not null,
  model_year bigint not null,
  trim text,
  model_code text,
  body_style text,
  drivetrain text,
  fuel_type text,
  transmission text,
  door_count bigint,
  engine_name text,
  attributes jsonb not null default '{}'
);
create table location (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  code text not null,
  name text not null,
  kind text not null,
  latitude double precision,
  longitude double precision,
  postcode text,
  country text,
  address jsonb,
  time_zone text not null default 'UTC',
  parent_location_id uuid,
  account_id uuid
);
create table asset (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  name text not null,
  serial_number text,
  product_id uuid,
  brand text,
  parent_asset_id uuid,
  account_id uuid,
  contact_id uuid,
  manufactured_on date,
  purchased_on date,
  installed_on date,
  is_active boolean not null default true,
  audience smallint not null default 0
);
create table asset_account_participant (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  asset_id uuid not null,
  account_id uuid not null,
  role text not null,
  usage text,
  starts_on date not null,
  ends_on date
);
create table asset_contact_participant (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  asset_id uuid not null,
  contact_id uuid not null,
  account_id uuid not null,
  role text not null,
  starts_on date not null,
  ends_on date
);
create table asset_milestone (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  asset_id uuid not null,
  account_id uuid,
  brand text,
  type text not null,
  stage text not null default 'DONE',
  "on" date not null,
  location_id uuid,
  is_verified boolean not null default false,
  audience smallint not null default 0
);
create table vehicle (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  listing_number text not null default app.series('vehicle_listing_number', 'V-', 8),
  vin text,
  registration_number text,
  definition_id uuid,
  asset_id uuid,
  owner_account_id uuid,
  dealer_account_id uuid,
  brand text,
  make text not null,
  model text not null,
  trim text,
  model_year bigint,
  model_code text,
  body_style text,
  drivetrain text,
  fuel_type text,
  transmission text,
  exterior_color text,
  interior_color text,
  condition text not null,
  odometer_value bigint,
  odometer_unit text,
  odometer_status text,
  odometer_km bigint,
  options text[] not null default '{}',
  attributes jsonb not null default '{}',
  photos text[] not null default '{}',
  raw jsonb not null default '{}',
  audience smallint not null default 0
);
create table stock_entry (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  vehicle_id uuid not null,
  dealer_account_id uuid,
  location_id uuid,
  brand text,
  stock_number text,
  status text not null default 'IN_STOCK',
  holds text[] not null default '{}',
  visibility text not null default 'PUBLIC',
  available_on date,
  price_minor bigint,
  price_currency text,
  price_tax text,
  in_stock_since date not null,
  left_on date,
  reserved_for text,
  reserved_until_at timestamptz,
  audience smallint generated always as (case when left_on is not null then 0 when visibility = 'PUBLIC' and holds = '{}' and status in ('ON_ORDER', 'IN_TRANSIT', 'IN_STOCK', 'RESERVED') then 2 when visibility in ('NETWORK', 'PUBLIC') then 1 else 0 end) stored
);
create table stock_price (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  stock_entry_id uuid not null,
  dealer_account_id uuid not null,
  kind text not null,
  price_minor bigint not null,
  price_currency text not null
);
create table column_mapping (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  name text not null,
  description text,
  mapping jsonb not null default '{}'
);
create table value_alias (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  field text not null,
  alias text not null,
  value text not null,
  locale text not null default ''
);
create table vehicle_import (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  number text not null default app.series('vehicle_import_number', 'IMP-', 6),
  account_id uuid,
  mapping text not null default 'default',
  mode text not null default 'UPSERT',
  status text not null default 'RUNNING',
  received bigint not null default 0,
  created bigint not null default 0,
  updated bigint not null default 0,
  unchanged bigint not null default 0,
  superseded bigint not null default 0,
  rejected bigint not null default 0,
  closed bigint not null default 0,
  warnings bigint not null default 0
);
alter table account add constraint account_kind_check check (kind in ('BUSINESS', 'PERSON'));
alter table account add constraint account_type_check check (type in ('CUSTOMER', 'DEALER_GROUP', 'DEALER', 'SUPPLIER', 'OEM', 'OTHER'));
alter table account add constraint account_parent_account_id_fkey foreign key (parent_account_id) references account (id);
alter table account add constraint account_owner_id_fkey foreign key (owner_id) references "user" (id);
alter table account add constraint account_person_is_no_partner check (kind = 'BUSINESS' or not is_partner);
alter table account add constraint account_no_own_parent check (parent_account_id <> id);
alter table contact add constraint contact_account_id_fkey foreign key (account_id) references account (id);
alter table account_account_relation add constraint account_account_relation_account_id_fkey foreign key (account_id) references account (id);
alter table account_account_relation add constraint account_account_relation_related_account_id_fkey foreign key (related_account_id) references account (id);
alter table account_account_relation add constraint account_account_relation_role_check check (role in ('SELLING_DEALER', 'SERVICING_DEALER', 'LEAD', 'PARENT', 'SUPPLIER', 'BANK', 'HOUSEHOLD', 'OTHER'));
alter table account_account_relation add constraint account_account_relation_dates check (ends_on is null or ends_on >= starts_on);
alter table account_account_relation add constraint account_account_relation_two_sides check (account_id <> related_account_id);
alter table account_contact_relation add constraint account_contact_relation_account_id_fkey foreign key (account_id) references account (id);
alter table account_contact_relation add constraint account_contact_relation_contact_id_fkey foreign key (contact_id) references contact (id);
alter table account_contact_relation add constraint account_contact_relation_role_check check (role in ('EMPLOYEE', 'DRIVER', 'DECISION_MAKER', 'BILLING', 'OTHER'));
alter table account_contact_relation add constraint account_contact_relation_dates check (ends_on is null or ends_on >= starts_on);
alter table contact_contact_relation add constraint contact_contact_relation_account_id_fkey foreign key (account_id) references account (id);
alter table contact_contact_relation add constraint contact_contact_relation_contact_id_fkey foreign key (contact_id) references contact (id);
alter table contact_contact_relation add constraint contact_contact_relation_related_contact_id_fkey foreign key (related_contact_id) references contact (id);
alter table contact_contact_relation add constraint contact_contact_relation_role_check check (role in ('SPOUSE', 'PARENT', 'CHILD', 'SIBLING', 'EMPLOYER', 'OTHER'));
alter table contact_contact_relation add constraint contact_contact_relation_dates check (ends_on is null or ends_on >= starts_on);
alter table contact_contact_relation add constraint contact_contact_relation_two_people check (contact_id <> related_contact_id);
alter table "user" add constraint user_persona_check check (persona in ('CUSTOMER', 'PARTNER', 'STAFF'));
alter table "user" add constraint user_licence_check check (licence in ('CUSTOMER_COMMUNITY_PLUS', 'PARTNER_COMMUNITY'));
alter table "user" add constraint user_account_id_fkey foreign key (account_id) references account (id);
alter table "user" add constraint user_contact_id_fkey foreign key (contact_id) references contact (id);
alter table "user" add constraint user_status_check check (status in ('INVITED', 'ACTIVE', 'SUSPENDED', 'DEACTIVATED'));
alter table "user" add constraint user_licence check ((persona = 'CUSTOMER') = (licence is not distinct from 'CUSTOMER_COMMUNITY_PLUS') and (persona = 'PARTNER') = (licence is not distinct from 'PARTNER_COMMUNITY'));
alter table "user" add constraint user_belongs check (persona = 'STAFF' or (account_id is not null and contact_id is not null));
alter table role_assignment add constraint role_assignment_user_id_fkey foreign key (user_id) references "user" (id);
alter table role_assignment add constraint role_assignment_account_id_fkey foreign key (account_id) references account (id);
alter table api_client add constraint api_client_account_id_fkey foreign key (account_id) references account (id);
alter table api_client add constraint api_client_status_check check (status in ('ACTIVE', 'REVOKED'));
alter table sharing_rule add constraint sharing_rule_audience_check check (audience in ('NETWORK', 'PUBLIC'));
alter table sharing_rule add constraint sharing_rule_status_check check (status in ('DRAFT', 'ACTIVE', 'INACTIVE'));
alter table prm_setting add constraint prm_setting_status_check check (status in ('DISABLED', 'REVIEWING', 'ENABLED'));
alter table product add constraint product_type_check check (type in ('VEHICLE_MODEL', 'PART', 'ACCESSORY', 'SERVICE', 'FINANCIAL'));
alter table product add constraint product_status_check check (status in ('DRAFT', 'ACTIVE', 'DISCONTINUED'));
alter table vehicle_definition add constraint vehicle_definition_product_id_fkey foreign key (product_id) references product (id);
alter table location add constraint location_kind_check check (kind in ('PLANT', 'PORT', 'DISTRIBUTION_CENTER', 'HUB', 'DEALER_LOT', 'SERVICE_CENTER', 'WAREHOUSE'));
alter table location add constraint location_parent_location_id_fkey foreign key (parent_location_id) references location (id);
alter table location add constraint location_account_id_fkey foreign key (account_id) references account (id);
alter table location add constraint location_point check ((latitude is null) = (longitude is null));
alter table location add constraint location_latitude check (latitude between -90 and 90);
alter table location add constraint location_longitude check (longitude between -180 and 180);
alter table location add constraint location_no_own_parent check (parent_location_id <> id);
alter table asset add constraint asset_product_id_fkey foreign key (product_id) references product (id);
alter table asset add constraint asset_parent_asset_id_fkey foreign key (parent_asset_id) references asset (id);
alter table asset add constraint asset_account_id_fkey foreign key (account_id) references account (id);
alter table asset add constraint asset_contact_id_fkey foreign key (contact_id) references contact (id);
alter table asset add constraint asset_no_own_parent check (parent_asset_id <> id);
alter table asset_account_participant add constraint asset_account_participant_asset_id_fkey foreign key (asset_id) references asset (id);
alter table asset_account_participant add constraint asset_account_participant_account_id_fkey foreign key (account_id) references account (id);
alter table asset_account_participant add constraint asset_account_participant_role_check check (role in ('OWNER', 'CO_OWNER', 'LESSEE', 'LIENHOLDER', 'SERVICING_DEALER', 'SELLING_DEALER'));
alter table asset_account_participant add constraint asset_account_participant_usage_check check (usage in ('PRIVATE', 'COMPANY', 'RENTAL', 'TAXI', 'OTHER'));
alter table asset_account_participant add constraint asset_account_participant_dates check (ends_on is null or ends_on >= starts_on);
alter table asset_contact_participant add constraint asset_contact_participant_asset_id_fkey foreign key (asset_id) references asset (id);
alter table asset_contact_participant add constraint asset_contact_participant_contact_id_fkey foreign key (contact_id) references contact (id);
alter table asset_contact_participant add constraint asset_contact_participant_account_id_fkey foreign key (account_id) references account (id);
alter table asset_contact_participant add constraint asset_contact_participant_role_check check (role in ('OWNER', 'DRIVER', 'CO_OWNER', 'LESSEE', 'CONTACT'));
alter table asset_contact_participant add constraint asset_contact_participant_dates check (ends_on is null or ends_on >= starts_on);
alter table asset_milestone add constraint asset_milestone_asset_id_fkey foreign key (asset_id) references asset (id);
alter table asset_milestone add constraint asset_milestone_account_id_fkey foreign key (account_id) references account (id);
alter table asset_milestone add constraint asset_milestone_type_check check (type in ('BUILT', 'SHIPPED', 'RECEIVED', 'SOLD', 'REGISTERED', 'FIRST_SERVICE', 'RECALL_DONE', 'ACCIDENT', 'LEASE_START', 'LEASE_END', 'TITLE_TRANSFERRED'));
alter table asset_milestone add constraint asset_milestone_location_id_fkey foreign key (location_id) references location (id);
alter table vehicle add constraint vehicle_definition_id_fkey foreign key (definition_id) references vehicle_definition (id);
alter table vehicle add constraint vehicle_asset_id_fkey foreign key (asset_id) references asset (id);
alter table vehicle add constraint vehicle_owner_account_id_fkey foreign key (owner_account_id) references account (id);
alter table vehicle add constraint vehicle_dealer_account_id_fkey foreign key (dealer_account_id) references account (id);
alter table vehicle add constraint vehicle_condition_check check (condition in ('NEW', 'CERTIFIED', 'USED', 'DEMO', 'SALVAGE'));
alter table vehicle add constraint vehicle_odometer_unit_check check (odometer_unit in ('KM', 'MI'));
alter table vehicle add constraint vehicle_odometer_status_check check (odometer_status in ('ACTUAL', 'NOT_ACTUAL', 'EXCEEDS', 'REPLACED'));
alter table stock_entry add constraint stock_entry_vehicle_id_fkey foreign key (vehicle_id) references vehicle (id);
alter table stock_entry add constraint stock_entry_dealer_account_id_fkey foreign key (dealer_account_id) references account (id);
alter table stock_entry add constraint stock_entry_location_id_fkey foreign key (location_id) references location (id);
alter table stock_entry add constraint stock_entry_status_check check (status in ('ON_ORDER', 'IN_TRANSIT', 'IN_STOCK', 'RESERVED', 'SOLD', 'IN_SERVICE', 'RETIRED'));
alter table stock_entry add constraint stock_entry_holds_check check (holds <@ array['RECALL', 'QUALITY', 'DAMAGE', 'PREPARATION', 'TITLE']);
alter table stock_entry add constraint stock_entry_visibility_check check (visibility in ('OWN_GROUP', 'NETWORK', 'PUBLIC'));
alter table stock_entry add constraint stock_entry_price_check check ((price_minor is null) = (price_currency is null));
alter table stock_entry add constraint stock_entry_price_tax_check check (price_tax in ('INCLUDED', 'EXCLUDED', 'MARGIN_SCHEME'));
alter table stock_entry add constraint stock_entry_dates check (left_on is null or left_on >= in_stock_since);
alter table stock_entry add constraint stock_entry_price_positive check (price_minor >= 0);
alter table stock_price add constraint stock_price_stock_entry_id_fkey foreign key (stock_entry_id) references stock_entry (id);
alter table stock_price add constraint stock_price_dealer_account_id_fkey foreign key (dealer_account_id) references account (id);
alter table stock_price add constraint stock_price_kind_check check (kind in ('LIST', 'NET', 'COST'));
alter table vehicle_import add constraint vehicle_import_account_id_fkey foreign key (account_id) references account (id);
alter table vehicle_import add constraint vehicle_import_mode_check check (mode in ('UPSERT', 'SNAPSHOT'));
alter table vehicle_import add constraint vehicle_import_status_check check (status in ('RUNNING', 'SUCCEEDED', 'FAILED'));
create index brand_created_at_id_idx on brand (created_at desc, id desc);
create unique index brand_code_key on brand (code);
create index account_created_at_id_idx on account (created_at desc, id desc);
create unique index account_number_key on account (number);
create index account_audience_created_at_id_idx on account (audience, created_at desc, id desc) where audience > 0;
create index account_parent_account_id_idx on account (parent_account_id);
create index account_lower_name_text_pattern_ops_idx on account (lower(name) text_pattern_ops);
create index account_owner_id_idx on account (owner_id);
create index contact_created_at_id_idx on contact (created_at desc, id desc);
create index contact_account_id_created_at_id_idx on contact (account_id, created_at desc, id desc);
create index contact_lower_email_idx on contact (lower(email));
create index account_account_relation_created_at_id_idx on account_account_relation (created_at desc, id desc);
create unique index account_account_relation_account_id_related_account_id_role_sta on account_account_relation (account_id, related_account_id, role, starts_on);
create index account_account_relation_account_id_created_at_id_idx on account_account_relation (account_id, created_at desc, id desc);
create index account_account_relation_account_id_role_starts_on_idx on account_account_relation (account_id, role, starts_on);
create index account_account_relation_related_account_id_idx on account_account_relation (related_account_id);
create index account_contact_relation_created_at_id_idx on account_contact_relation (created_at desc, id desc);
create unique index account_contact_relation_account_id_contact_id_role_starts_on_k on account_contact_relation (account_id, contact_id, role, starts_on);
create index account_contact_relation_account_id_created_at_id_idx on account_contact_relation (account_id, created_at desc, id desc);
create index account_contact_relation_contact_id_idx on account_contact_relation (contact_id);
create index contact_contact_relation_created_at_id_idx on contact_contact_relation (created_at desc, id desc);
create unique index contact_contact_relation_contact_id_related_contact_id_role_sta on contact_contact_relation (contact_id, related_contact_id, role, starts_on);
create index contact_contact_relation_account_id_created_at_id_idx on contact_contact_relation (account_id, created_at desc, id desc);
create index contact_contact_relation_related_contact_id_idx on contact_contact_relation (related_contact_id);
create index user_created_at_id_idx on "user" (created_at desc, id desc);
create unique index user_lower_email_key on "user" (lower(email));
create index user_account_id_created_at_id_idx on "user" (account_id, created_at desc, id desc);
create index user_contact_id_idx on "user" (contact_id);
create index role_assignment_created_at_id_idx on role_assignment (created_at desc, id desc);
create unique index role_assignment_user_id_role_account_id_key on role_assignment (user_id, role, account_id) where account_id is not null;
create unique index role_assignment_user_id_role_key on role_assignment (user_id, role) where account_id is null;
create index role_assignment_user_id_created_at_id_idx on role_assignment (user_id, created_at desc, id desc);
create index role_assignment_account_id_created_at_id_idx on role_assignment (account_id, created_at desc, id desc);
create index api_client_created_at_id_idx on api_client (created_at desc, id desc);
create unique index api_client_client_id_key on api_client (client_id);
create index api_client_account_id_idx on api_client (account_id);
create index sharing_rule_created_at_id_idx on sharing_rule (created_at desc, id desc);
create index prm_setting_created_at_id_idx on prm_setting (created_at desc, id desc);
create unique index prm_setting_true_key on prm_setting ((true));
create index product_created_at_id_idx on product (created_at desc, id desc);
create unique index product_code_key on product (code);
create index product_audience_created_at_id_idx on product (audience, created_at desc, id desc) where audience > 0;
create index vehicle_definition_created_at_id_idx on vehicle_definition (created_at desc, id desc);
create unique index vehicle_definition_model_code_key on vehicle_definition (model_code) where model_code is not null;
create index vehicle_definition_make_model_model_year_idx on vehicle_definition (make, model, model_year);
create index vehicle_definition_product_id_idx on vehicle_definition (product_id);
create index location_created_at_id_idx on location (created_at desc, id desc);
create unique index location_code_key on location (code);
create index location_account_id_created_at_id_idx on location (account_id, created_at desc, id desc);
create index location_parent_location_id_idx on location (parent_location_id);
create index asset_created_at_id_idx on asset (created_at desc, id desc);
create index asset_account_id_created_at_id_idx on asset (account_id, created_at desc, id desc);
create index asset_audience_created_at_id_idx on asset (audience, created_at desc, id desc) where audience > 0;
create index asset_product_id_idx on asset (product_id);
create index asset_parent_asset_id_idx on asset (parent_asset_id);
create index asset_contact_id_idx on asset (contact_id);
create index asset_account_participant_created_at_id_idx on asset_account_participant (created_at desc, id desc);
create unique index asset_account_participant_asset_id_key on asset_account_participant (asset_id) where role = 'OWNER' and ends_on is null;
create index asset_account_participant_account_id_created_at_id_idx on asset_account_participant (account_id, created_at desc, id desc);
create index asset_account_participant_asset_id_created_at_id_idx on asset_account_participant (asset_id, created_at desc, id desc);
create index asset_account_participant_account_id_starts_on_idx on asset_account_participant (account_id, starts_on);
create index asset_contact_participant_created_at_id_idx on asset_contact_participant (created_at desc, id desc);
create index asset_contact_participant_account_id_created_at_id_idx on asset_contact_participant (account_id, created_at desc, id desc);
create index asset_contact_participant_asset_id_created_at_id_idx on asset_contact_participant (asset_id, created_at desc, id desc);
create index asset_contact_participant_contact_id_starts_on_idx on asset_contact_participant (contact_id, starts_on);
create index asset_milestone_created_at_id_idx on asset_milestone (created_at desc, id desc);
create unique index asset_milestone_asset_id_type_stage_key on asset_milestone (asset_id, type, stage);
create index asset_milestone_account_id_created_at_id_idx on asset_milestone (account_id, created_at desc, id desc);
create index asset_milestone_asset_id_created_at_id_idx on asset_milestone (asset_id, created_at desc, id desc);
create index asset_milestone_audience_created_at_id_idx on asset_milestone (audience, created_at desc, id desc) where audience > 0;
create index asset_milestone_location_id_idx on asset_milestone (location_id);
create index vehicle_created_at_id_idx on vehicle (created_at desc, id desc);
create unique index vehicle_listing_number_key on vehicle (listing_number);
create unique index vehicle_vin_key on vehicle (vin) where vin is not null;
create unique index vehicle_asset_id_key on vehicle (asset_id) where asset_id is not null;
create index vehicle_dealer_account_id_created_at_id_idx on vehicle (dealer_account_id, created_at desc, id desc);
create index vehicle_asset_id_created_at_id_idx on vehicle (asset_id, created_at desc, id desc);
create index vehicle_owner_account_id_created_at_id_idx on vehicle (owner_account_id, created_at desc, id desc);
create index vehicle_audience_created_at_id_idx on vehicle (audience, created_at desc, id desc) where audience > 0;
create index vehicle_definition_id_idx on vehicle (definition_id);
create index stock_entry_created_at_id_idx on stock_entry (created_at desc, id desc);
create unique index stock_entry_vehicle_id_key on stock_entry (vehicle_id) where left_on is null;
create unique index stock_entry_location_id_stock_number_key on stock_entry (location_id, stock_number) where left_on is null;
create index stock_entry_dealer_account_id_created_at_id_idx on stock_entry (dealer_account_id, created_at desc, id desc);
create index stock_entry_audience_created_at_id_idx on stock_entry (audience, created_at desc, id desc) where audience > 0;
create index stock_entry_vehicle_id_created_at_idx on stock_entry (vehicle_id, created_at desc);
create index stock_entry_location_id_status_idx on stock_entry (location_id, status);
create index stock_price_created_at_id_idx on stock_price (created_at desc, id desc);
create unique index stock_price_stock_entry_id_kind_key on stock_price (stock_entry_id, kind);
create index stock_price_dealer_account_id_created_at_id_idx on stock_price (dealer_account_id, created_at desc, id desc);
create index column_mapping_created_at_id_idx on column_mapping (created_at desc, id desc);
create unique index column_mapping_name_key on column_mapping (name);
create index value_alias_created_at_id_idx on value_alias (created_at desc, id desc);
create unique index value_alias_field_alias_key on value_alias (field, alias);
create index value_alias_field_value_idx on value_alias (field, value);
create index vehicle_import_created_at_id_idx on vehicle_import (created_at desc, id desc);
create unique index vehicle_import_number_key on vehicle_import (number);
create index vehicle_import_account_id_created_at_id_idx on vehicle_import (account_id, created_at desc, id desc);
alter table brand enable row level security;
alter table brand force row level security;
create policy brand_owner_all on brand for all to forecourt_owner using (true) with check (true);
create policy brand_reader_select on brand for select to forecourt_reader using (true);
create policy brand_staff_all on brand for all to forecourt_staff using (true) with check (true);
create policy brand_guest_select on brand for select to forecourt_guest using (true);
create policy brand_customer_select on brand for select to forecourt_customer using (true);
create policy brand_partner_select on brand for select to forecourt_partner using (true);
alter table account enable row level security;
alter table account force row level security;
create policy account_owner_all on account for all to forecourt_owner using (true) with check (true);
create policy account_reader_select on account for select to forecourt_reader using (true);
create policy account_staff_all on account for all to forecourt_staff using (true) with check (true);
create policy account_guest_select on account for select to forecourt_guest using (audience = any((select app.audiences())::smallint[]));
create policy account_customer_select on account for select to forecourt_customer using (id = any((select app.units())::uuid[]) or audience = any((select app.audiences())::smallint[]));
create policy account_customer_insert on account for insert to forecourt_customer with check (id = any((select app.units())::uuid[]));
create policy account_customer_update on account for update to forecourt_customer using (id = any((select app.units())::uuid[])) with check (id = any((select app.units())::uuid[]));
create policy account_customer_delete on account for delete to forecourt_customer using (id = any((select app.units())::uuid[]));
create policy account_partner_select on account for select to forecourt_partner using (id = any((select app.units())::uuid[]) or id = any((select app.related())::uuid[]) or audience = any((select app.audiences())::smallint[]));
create policy account_partner_insert on account for insert to forecourt_partner with check (id = any((select app.units())::uuid[]) or id = any((select app.related())::uuid[]));
create policy account_partner_update on account for update to forecourt_partner using (id = any((select app.units())::uuid[]) or id = any((select app.related())::uuid[])) with check (id = any((select app.units())::uuid[]) or id = any((select app.related())::uuid[]));
create policy account_partner_delete on account for delete to forecourt_partner using (id = any((select app.units())::uuid[]) or id = any((select app.related())::uuid[]));
alter table contact enable row level security;
alter table contact force row level security;
create policy contact_owner_all on contact for all to forecourt_owner using (true) with check (true);
create policy contact_reader_select on contact for select to forecourt_reader using (true);
create policy contact_staff_all on contact for all to forecourt_staff using (true) with check (true);
create policy contact_customer_select on contact for select to forecourt_customer using (account_id = any((select app.units())::uuid[]));
create policy contact_customer_insert on contact for insert to forecourt_customer with check (account_id = any((select app.units())::uuid[]));
create policy contact_customer_update on contact for update to forecourt_customer using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy contact_customer_delete on contact for delete to forecourt_customer using (account_id = any((select app.units())::uuid[]));
create policy contact_partner_select on contact for select to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
create policy contact_partner_insert on contact for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
create policy contact_partner_update on contact for update to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[])) with check (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
create policy contact_partner_delete on contact for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
alter table account_account_relation enable row level security;
alter table account_account_relation force row level security;
create policy account_account_relation_owner_all on account_account_relation for all to forecourt_owner using (true) with check (true);
create policy account_account_relation_reader_select on account_account_relation for select to forecourt_reader using (true);
create policy account_account_relation_staff_all on account_account_relation for all to forecourt_staff using (true) with check (true);
create policy account_account_relation_partner_select on account_account_relation for select to forecourt_partner using (account_id = any((select app.units())::uuid[]));
create policy account_account_relation_partner_insert on account_account_relation for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy account_account_relation_partner_update on account_account_relation for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy account_account_relation_partner_delete on account_account_relation for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
alter table account_contact_relation enable row level security;
alter table account_contact_relation force row level security;
create policy account_contact_relation_owner_all on account_contact_relation for all to forecourt_owner using (true) with check (true);
create policy account_contact_relation_reader_select on account_contact_relation for select to forecourt_reader using (true);
create policy account_contact_relation_staff_all on account_contact_relation for all to forecourt_staff using (true) with check (true);
create policy account_contact_relation_customer_select on account_contact_relation for select to forecourt_customer using (account_id = any((select app.units())::uuid[]));
create policy account_contact_relation_customer_insert on account_contact_relation for insert to forecourt_customer with check (account_id = any((select app.units())::uuid[]));
create policy account_contact_relation_customer_update on account_contact_relation for update to forecourt_customer using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy account_contact_relation_customer_delete on account_contact_relation for delete to forecourt_customer using (account_id = any((select app.units())::uuid[]));
create policy account_contact_relation_partner_select on account_contact_relation for select to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
create policy account_contact_relation_partner_insert on account_contact_relation for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
create policy account_contact_relation_partner_update on account_contact_relation for update to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[])) with check (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
create policy account_contact_relation_partner_delete on account_contact_relation for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
alter table contact_contact_relation enable row level security;
alter table contact_contact_relation force row level security;
create policy contact_contact_relation_owner_all on contact_contact_relation for all to forecourt_owner using (true) with check (true);
create policy contact_contact_relation_reader_select on contact_contact_relation for select to forecourt_reader using (true);
create policy contact_contact_relation_staff_all on contact_contact_relation for all to forecourt_staff using (true) with check (true);
create policy contact_contact_relation_customer_select on contact_contact_relation for select to forecourt_customer using (account_id = any((select app.units())::uuid[]));
create policy contact_contact_relation_customer_insert on contact_contact_relation for insert to forecourt_customer with check (account_id = any((select app.units())::uuid[]));
create policy contact_contact_relation_customer_update on contact_contact_relation for update to forecourt_customer using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy contact_contact_relation_customer_delete on contact_contact_relation for delete to forecourt_customer using (account_id = any((select app.units())::uuid[]));
create policy contact_contact_relation_partner_select on contact_contact_relation for select to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
create policy contact_contact_relation_partner_insert on contact_contact_relation for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
create policy contact_contact_relation_partner_update on contact_contact_relation for update to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[])) with check (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
create policy contact_contact_relation_partner_delete on contact_contact_relation for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
alter table "user" enable row level security;
alter table "user" force row level security;
create policy user_owner_all on "user" for all to forecourt_owner using (true) with check (true);
create policy user_reader_select on "user" for select to forecourt_reader using (true);
create policy user_staff_all on "user" for all to forecourt_staff using (true) with check (true);
create policy user_customer_select on "user" for select to forecourt_customer using (id = (select app.uid()));
create policy user_customer_insert on "user" for insert to forecourt_customer with check (id = (select app.uid()));
create policy user_customer_update on "user" for update to forecourt_customer using (id = (select app.uid())) with check (id = (select app.uid()));
create policy user_customer_delete on "user" for delete to forecourt_customer using (id = (select app.uid()));
create policy user_partner_select on "user" for select to forecourt_partner using (id = (select app.uid()) or account_id = any((select app.units())::uuid[]));
create policy user_partner_insert on "user" for insert to forecourt_partner with check (id = (select app.uid()) or account_id = any((select app.units())::uuid[]));
create policy user_partner_update on "user" for update to forecourt_partner using (id = (select app.uid()) or account_id = any((select app.units())::uuid[])) with check (id = (select app.uid()) or account_id = any((select app.units())::uuid[]));
create policy user_partner_delete on "user" for delete to forecourt_partner using (id = (select app.uid()) or account_id = any((select app.units())::uuid[]));
alter table role_assignment enable row level security;
alter table role_assignment force row level security;
create policy role_assignment_owner_all on role_assignment for all to forecourt_owner using (true) with check (true);
create policy role_assignment_reader_select on role_assignment for select to forecourt_reader using (true);
create policy role_assignment_staff_all on role_assignment for all to forecourt_staff using (true) with check (true);
create policy role_assignment_partner_select on role_assignment for select to forecourt_partner using (user_id = (select app.uid()) or account_id = any((select app.units())::uuid[]));
create policy role_assignment_partner_insert on role_assignment for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy role_assignment_partner_update on role_assignment for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy role_assignment_partner_delete on role_assignment for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
alter table api_client enable row level security;
alter table api_client force row level security;
create policy api_client_owner_all on api_client for all to forecourt_owner using (true) with check (true);
create policy api_client_reader_select on api_client for select to forecourt_reader using (true);
create policy api_client_staff_all on api_client for all to forecourt_staff using (true) with check (true);
alter table sharing_rule enable row level security;
alter table sharing_rule force row level security;
create policy sharing_rule_owner_all on sharing_rule for all to forecourt_owner using (true) with check (true);
create policy sharing_rule_reader_select on sharing_rule for select to forecourt_reader using (true);
create policy sharing_rule_staff_all on sharing_rule for all to forecourt_staff using (true) with check (true);
alter table prm_setting enable row level security;
alter table prm_setting force row level security;
create policy prm_setting_owner_all on prm_setting for all to forecourt_owner using (true) with check (true);
create policy prm_setting_reader_select on prm_setting for select to forecourt_reader using (true);
create policy prm_setting_staff_all on prm_setting for all to forecourt_staff using (true) with check (true);
alter table product enable row level security;
alter table product force row level security;
create policy product_owner_all on product for all to forecourt_owner using (true) with check (true);
create policy product_reader_select on product for select to forecourt_reader using (true);
create policy product_staff_all on product for all to forecourt_staff using ((select app.brands()) is null or brand = any((select app.brands())::text[])) with check ((select app.brands()) is null or brand = any((select app.brands())::text[]));
create policy product_guest_select on product for select to forecourt_guest using (audience = any((select app.audiences())::smallint[]));
create policy product_customer_select on product for select to forecourt_customer using (audience = any((select app.audiences())::smallint[]));
create policy product_partner_select on product for select to forecourt_partner using (audience = any((select app.audiences())::smallint[]));
alter table vehicle_definition enable row level security;
alter table vehicle_definition force row level security;
create policy vehicle_definition_owner_all on vehicle_definition for all to forecourt_owner using (true) with check (true);
create policy vehicle_definition_reader_select on vehicle_definition for select to forecourt_reader using (true);
create policy vehicle_definition_staff_all on vehicle_definition for all to forecourt_staff using (true) with check (true);
create policy vehicle_definition_guest_select on vehicle_definition for select to forecourt_guest using (true);
create policy vehicle_definition_customer_select on vehicle_definition for select to forecourt_customer using (true);
create policy vehicle_definition_partner_select on vehicle_definition for select to forecourt_partner using (true);
alter table location enable row level security;
alter table location force row level security;
create policy location_owner_all on location for all to forecourt_owner using (true) with check (true);
create policy location_reader_select on location for select to forecourt_reader using (true);
create policy location_staff_all on location for all to forecourt_staff using (true) with check (true);
create policy location_customer_select on location for select to forecourt_customer using (true);
create policy location_partner_select on location for select to forecourt_partner using (true or account_id = any((select app.units())::uuid[]));
create policy location_partner_insert on location for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy location_partner_update on location for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy location_partner_delete on location for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
alter table asset enable row level security;
alter table asset force row level security;
create policy asset_owner_all on asset for all to forecourt_owner using (true) with check (true);
create policy asset_reader_select on asset for select to forecourt_reader using (true);
create policy asset_staff_all on asset for all to forecourt_staff using ((select app.brands()) is null or brand = any((select app.brands())::text[])) with check ((select app.brands()) is null or brand = any((select app.brands())::text[]));
create policy asset_guest_select on asset for select to forecourt_guest using (audience = any((select app.audiences())::smallint[]));
create policy asset_customer_select on asset for select to forecourt_customer using (account_id = any((select app.units())::uuid[]) or id = any((select app.assets())::uuid[]) or audience = any((select app.audiences())::smallint[]));
create policy asset_customer_insert on asset for insert to forecourt_customer with check (account_id = any((select app.units())::uuid[]));
create policy asset_customer_update on asset for update to forecourt_customer using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy asset_customer_delete on asset for delete to forecourt_customer using (account_id = any((select app.units())::uuid[]));
create policy asset_partner_select on asset for select to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]) or audience = any((select app.audiences())::smallint[]));
create policy asset_partner_insert on asset for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
create policy asset_partner_update on asset for update to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[])) with check (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
create policy asset_partner_delete on asset for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
alter table asset_account_participant enable row level security;
alter table asset_account_participant force row level security;
create policy asset_account_participant_owner_all on asset_account_participant for all to forecourt_owner using (true) with check (true);
create policy asset_account_participant_reader_select on asset_account_participant for select to forecourt_reader using (true);
create policy asset_account_participant_staff_all on asset_account_participant for all to forecourt_staff using (true) with check (true);
create policy asset_account_participant_customer_select on asset_account_participant for select to forecourt_customer using (account_id = any((select app.units())::uuid[]) or asset_id = any((select app.assets())::uuid[]));
create policy asset_account_participant_customer_insert on asset_account_participant for insert to forecourt_customer with check (account_id = any((select app.units())::uuid[]));
create policy asset_account_participant_customer_update on asset_account_participant for update to forecourt_customer using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy asset_account_participant_customer_delete on asset_account_participant for delete to forecourt_customer using (account_id = any((select app.units())::uuid[]));
create policy asset_account_participant_partner_select on asset_account_participant for select to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
create policy asset_account_participant_partner_insert on asset_account_participant for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
create policy asset_account_participant_partner_update on asset_account_participant for update to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[])) with check (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
create policy asset_account_participant_partner_delete on asset_account_participant for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
alter table asset_contact_participant enable row level security;
alter table asset_contact_participant force row level security;
create policy asset_contact_participant_owner_all on asset_contact_participant for all to forecourt_owner using (true) with check (true);
create policy asset_contact_participant_reader_select on asset_contact_participant for select to forecourt_reader using (true);
create policy asset_contact_participant_staff_all on asset_contact_participant for all to forecourt_staff using (true) with check (true);
create policy asset_contact_participant_customer_select on asset_contact_participant for select to forecourt_customer using (account_id = any((select app.units())::uuid[]) or asset_id = any((select app.assets())::uuid[]));
create policy asset_contact_participant_customer_insert on asset_contact_participant for insert to forecourt_customer with check (account_id = any((select app.units())::uuid[]));
create policy asset_contact_participant_customer_update on asset_contact_participant for update to forecourt_customer using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy asset_contact_participant_customer_delete on asset_contact_participant for delete to forecourt_customer using (account_id = any((select app.units())::uuid[]));
create policy asset_contact_participant_partner_select on asset_contact_participant for select to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
create policy asset_contact_participant_partner_insert on asset_contact_participant for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
create policy asset_contact_participant_partner_update on asset_contact_participant for update to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[])) with check (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
create policy asset_contact_participant_partner_delete on asset_contact_participant for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
alter table asset_milestone enable row level security;
alter table asset_milestone force row level security;
create policy asset_milestone_owner_all on asset_milestone for all to forecourt_owner using (true) with check (true);
create policy asset_milestone_reader_select on asset_milestone for select to forecourt_reader using (true);
create policy asset_milestone_staff_all on asset_milestone for all to forecourt_staff using ((select app.brands()) is null or brand = any((select app.brands())::text[])) with check ((select app.brands()) is null or brand = any((select app.brands())::text[]));
create policy asset_milestone_guest_select on asset_milestone for select to forecourt_guest using (audience = any((select app.audiences())::smallint[]));
create policy asset_milestone_customer_select on asset_milestone for select to forecourt_customer using (account_id = any((select app.units())::uuid[]) or asset_id = any((select app.assets())::uuid[]) or audience = any((select app.audiences())::smallint[]));
create policy asset_milestone_customer_insert on asset_milestone for insert to forecourt_customer with check (account_id = any((select app.units())::uuid[]));
create policy asset_milestone_customer_update on asset_milestone for update to forecourt_customer using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy asset_milestone_customer_delete on asset_milestone for delete to forecourt_customer using (account_id = any((select app.units())::uuid[]));
create policy asset_milestone_partner_select on asset_milestone for select to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]) or audience = any((select app.audiences())::smallint[]));
create policy asset_milestone_partner_insert on asset_milestone for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
create policy asset_milestone_partner_update on asset_milestone for update to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[])) with check (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
create policy asset_milestone_partner_delete on asset_milestone for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]) or account_id = any((select app.related())::uuid[]));
alter table vehicle enable row level security;
alter table vehicle force row level security;
create policy vehicle_owner_all on vehicle for all to forecourt_owner using (true) with check (true);
create policy vehicle_reader_select on vehicle for select to forecourt_reader using (true);
create policy vehicle_staff_all on vehicle for all to forecourt_staff using ((select app.brands()) is null or brand = any((select app.brands())::text[])) with check ((select app.brands()) is null or brand = any((select app.brands())::text[]));
create policy vehicle_guest_select on vehicle for select to forecourt_guest using (audience = any((select app.audiences())::smallint[]));
create policy vehicle_customer_select on vehicle for select to forecourt_customer using (asset_id = any((select app.assets())::uuid[]) or audience = any((select app.audiences())::smallint[]));
create policy vehicle_partner_select on vehicle for select to forecourt_partner using (dealer_account_id = any((select app.group_units())::uuid[]) or owner_account_id = any((select app.related())::uuid[]) or audience = any((select app.audiences())::smallint[]));
create policy vehicle_partner_insert on vehicle for insert to forecourt_partner with check (dealer_account_id = any((select app.units())::uuid[]) or owner_account_id = any((select app.related())::uuid[]));
create policy vehicle_partner_update on vehicle for update to forecourt_partner using (dealer_account_id = any((select app.units())::uuid[]) or owner_account_id = any((select app.related())::uuid[])) with check (dealer_account_id = any((select app.units())::uuid[]) or owner_account_id = any((select app.related())::uuid[]));
create policy vehicle_partner_delete on vehicle for delete to forecourt_partner using (dealer_account_id = any((select app.units())::uuid[]) or owner_account_id = any((select app.related())::uuid[]));
alter table stock_entry enable row level security;
alter table stock_entry force row level security;
create policy stock_entry_owner_all on stock_entry for all to forecourt_owner using (true) with check (true);
create policy stock_entry_reader_select on stock_entry for select to forecourt_reader using (true);
create policy stock_entry_staff_all on stock_entry for all to forecourt_staff using ((select app.brands()) is null or brand = any((select app.brands())::text[])) with check ((select app.brands()) is null or brand = any((select app.brands())::text[]));
create policy stock_entry_guest_select on stock_entry for select to forecourt_guest using (audience = any((select app.audiences())::smallint[]));
create policy stock_entry_customer_select on stock_entry for select to forecourt_customer using (audience = any((select app.audiences())::smallint[]));
create policy stock_entry_partner_select on stock_entry for select to forecourt_partner using (dealer_account_id = any((select app.group_units())::uuid[]) or audience = any((select app.audiences())::smallint[]));
create policy stock_entry_partner_insert on stock_entry for insert to forecourt_partner with check (dealer_account_id = any((select app.units())::uuid[]));
create policy stock_entry_partner_update on stock_entry for update to forecourt_partner using (dealer_account_id = any((select app.units())::uuid[])) with check (dealer_account_id = any((select app.units())::uuid[]));
create policy stock_entry_partner_delete on stock_entry for delete to forecourt_partner using (dealer_account_id = any((select app.units())::uuid[]));
alter table stock_price enable row level security;
alter table stock_price force row level security;
create policy stock_price_owner_all on stock_price for all to forecourt_owner using (true) with check (true);
create policy stock_price_reader_select on stock_price for select to forecourt_reader using (true);
create policy stock_price_staff_all on stock_price for all to forecourt_staff using (true) with check (true);
create policy stock_price_partner_select on stock_price for select to forecourt_partner using (dealer_account_id = any((select app.units())::uuid[]));
create policy stock_price_partner_insert on stock_price for insert to forecourt_partner with check (dealer_account_id = any((select app.units())::uuid[]));
create policy stock_price_partner_update on stock_price for update to forecourt_partner using (dealer_account_id = any((select app.units())::uuid[])) with check (dealer_account_id = any((select app.units())::uuid[]));
create policy stock_price_partner_delete on stock_price for delete to forecourt_partner using (dealer_account_id = any((select app.units())::uuid[]));
alter table column_mapping enable row level security;
alter table column_mapping force row level security;
create policy column_mapping_owner_all on column_mapping for all to forecourt_owner using (true) with check (true);
create policy column_mapping_reader_select on column_mapping for select to forecourt_reader using (true);
create policy column_mapping_staff_all on column_mapping for all to forecourt_staff using (true) with check (true);
create policy column_mapping_partner_select on column_mapping for select to forecourt_partner using (true);
alter table value_alias enable row level security;
alter table value_alias force row level security;
create policy value_alias_owner_all on value_alias for all to forecourt_owner using (true) with check (true);
create policy value_alias_reader_select on value_alias for select to forecourt_reader using (true);
create policy value_alias_staff_all on value_alias for all to forecourt_staff using (true) with check (true);
create policy value_alias_partner_select on value_alias for select to forecourt_partner using (true);
alter table vehicle_import enable row level security;
alter table vehicle_import force row level security;
create policy vehicle_import_owner_all on vehicle_import for all to forecourt_owner using (true) with check (true);
create policy vehicle_import_reader_select on vehicle_import for select to forecourt_reader using (true);
create policy vehicle_import_staff_all on vehicle_import for all to forecourt_staff using (true) with check (true);
create policy vehicle_import_partner_select on vehicle_import for select to forecourt_partner using (account_id = any((select app.units())::uuid[]));
create policy vehicle_import_partner_insert on vehicle_import for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy vehicle_import_partner_update on vehicle_import for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy vehicle_import_partner_delete on vehicle_import for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
grant select on brand to forecourt_reader;
grant select, insert, update, delete on brand to forecourt_staff;
grant select on brand to forecourt_guest;
grant select, insert, update, delete on brand to forecourt_customer;
grant select, insert, update, delete on brand to forecourt_partner;
grant select on account to forecourt_reader;
grant select, insert, update, delete on account to forecourt_staff;
grant select on account to forecourt_guest;
grant select, insert, update, delete on account to forecourt_customer;
grant select, insert, update, delete on account to forecourt_partner;
grant select on contact to forecourt_reader;
grant select, insert, update, delete on contact to forecourt_staff;
grant select, insert, update, delete on contact to forecourt_customer;
grant select, insert, update, delete on contact to forecourt_partner;
grant select on account_account_relation to forecourt_reader;
grant select, insert, update, delete on account_account_relation to forecourt_staff;
grant select, insert, update, delete on account_account_relation to forecourt_partner;
grant select on account_contact_relation to forecourt_reader;
grant select, insert, update, delete on account_contact_relation to forecourt_staff;
grant select, insert, update, delete on account_contact_relation to forecourt_customer;
grant select, insert, update, delete on account_contact_relation to forecourt_partner;
grant select on contact_contact_relation to forecourt_reader;
grant select, insert, update, delete on contact_contact_relation to forecourt_staff;
grant select, insert, update, delete on contact_contact_relation to forecourt_customer;
grant select, insert, update, delete on contact_contact_relation to forecourt_partner;
grant select on "user" to forecourt_reader;
grant select, insert, update, delete on "user" to forecourt_staff;
grant select, insert, update, delete on "user" to forecourt_customer;
grant select, insert, update, delete on "user" to forecourt_partner;
grant select on role_assignment to forecourt_reader;
grant select, insert, update, delete on role_assignment to forecourt_staff;
grant select, insert, update, delete on role_assignment to forecourt_partner;
grant select on api_client to forecourt_reader;
grant select, insert, update, delete on api_client to forecourt_staff;
grant select on sharing_rule to forecourt_reader;
grant select, insert, update, delete on sharing_rule to forecourt_staff;
grant select on prm_setting to forecourt_reader;
grant select, insert, update, delete on prm_setting to forecourt_staff;
grant select on product to forecourt_reader;
grant select, insert, update, delete on product to forecourt_staff;
grant select on product to forecourt_guest;
grant select, insert, update, delete on product to forecourt_customer;
grant select, insert, update, delete on product to forecourt_partner;
grant select on vehicle_definition to forecourt_reader;
grant select, insert, update, delete on vehicle_definition to forecourt_staff;
grant select on vehicle_definition to forecourt_guest;
grant select, insert, update, delete on vehicle_definition to forecourt_customer;
grant select, insert, update, delete on vehicle_definition to forecourt_partner;
grant select on location to forecourt_reader;
grant select, insert, update, delete on location to forecourt_staff;
grant select, insert, update, delete on location to forecourt_customer;
grant select, insert, update, delete on location to forecourt_partner;
grant select on asset to forecourt_reader;
grant select, insert, update, delete on asset to forecourt_staff;
grant select on asset to forecourt_guest;
grant select, insert, update, delete on asset to forecourt_customer;
grant select, insert, update, delete on asset to forecourt_partner;
grant select on asset_account_participant to forecourt_reader;
grant select, insert, update, delete on asset_account_participant to forecourt_staff;
grant select, insert, update, delete on asset_account_participant to forecourt_customer;
grant select, insert, update, delete on asset_account_participant to forecourt_partner;
grant select on asset_contact_participant to forecourt_reader;
grant select, insert, update, delete on asset_contact_participant to forecourt_staff;
grant select, insert, update, delete on asset_contact_participant to forecourt_customer;
grant select, insert, update, delete on asset_contact_participant to forecourt_partner;
grant select on asset_milestone to forecourt_reader;
grant select, insert, update, delete on asset_milestone to forecourt_staff;
grant select on asset_milestone to forecourt_guest;
grant select, insert, update, delete on asset_milestone to forecourt_customer;
grant select, insert, update, delete on asset_milestone to forecourt_partner;
grant select on vehicle to forecourt_reader;
grant select, insert, update, delete on vehicle to forecourt_staff;
grant select on vehicle to forecourt_guest;
grant select, insert, update, delete on vehicle to forecourt_customer;
grant select, insert, update, delete on vehicle to forecourt_partner;
grant select on stock_entry to forecourt_reader;
grant select, insert, update, delete on stock_entry to forecourt_staff;
grant select on stock_entry to forecourt_guest;
grant select, insert, update, delete on stock_entry to forecourt_customer;
grant select, insert, update, delete on stock_entry to forecourt_partner;
grant select on stock_price to forecourt_reader;
grant select, insert, update, delete on stock_price to forecourt_staff;
grant select, insert, update, delete on stock_price to forecourt_partner;
grant select on column_mapping to forecourt_reader;
grant select, insert, update, delete on column_mapping to forecourt_staff;
grant select, insert, update, delete on column_mapping to forecourt_partner;
grant select on value_alias to forecourt_reader;
grant select, insert, update, delete on value_alias to forecourt_staff;
grant select, insert, update, delete on value_alias to forecourt_partner;
grant select on vehicle_import to forecourt_reader;
grant select, insert, update, delete on vehicle_import to forecourt_staff;
grant select, insert, update, delete on vehicle_import to forecourt_partner;
create trigger brand_touch before update on brand for each row execute function app.touch();
create trigger brand_remember after insert or update or delete on brand for each row execute function app.remember();
create trigger brand_name_new after insert on brand for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger brand_name_changed after update on brand for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger brand_name_gone after delete on brand for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger account_share before insert or update on account for each row execute function app.share();
create trigger account_touch before update on account for each row execute function app.touch();
create trigger account_remember after insert or update or delete on account for each row execute function app.remember();
create trigger account_name_new after insert on account for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger account_name_changed after update on account for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger account_name_gone after delete on account for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger contact_touch before update on contact for each row execute function app.touch();
create trigger contact_remember after insert or update or delete on contact for each row execute function app.remember();
create trigger contact_name_new after insert on contact for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger contact_name_changed after update on contact for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger contact_name_gone after delete on contact for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger account_account_relation_touch before update on account_account_relation for each row execute function app.touch();
create trigger account_account_relation_remember after insert or update or delete on account_account_relation for each row execute function app.remember();
create trigger account_account_relation_name_new after insert on account_account_relation for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger account_account_relation_name_changed after update on account_account_relation for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger account_account_relation_name_gone after delete on account_account_relation for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger account_contact_relation_touch before update on account_contact_relation for each row execute function app.touch();
create trigger account_contact_relation_remember after insert or update or delete on account_contact_relation for each row execute function app.remember();
create trigger account_contact_relation_name_new after insert on account_contact_relation for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger account_contact_relation_name_changed after update on account_contact_relation for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger account_contact_relation_name_gone after delete on account_contact_relation for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger contact_contact_relation_touch before update on contact_contact_relation for each row execute function app.touch();
create trigger contact_contact_relation_remember after insert or update or delete on contact_contact_relation for each row execute function app.remember();
create trigger contact_contact_relation_name_new after insert on contact_contact_relation for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger contact_contact_relation_name_changed after update on contact_contact_relation for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger contact_contact_relation_name_gone after delete on contact_contact_relation for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger user_touch before update on "user" for each row execute function app.touch();
create trigger user_remember after insert or update or delete on "user" for each row execute function app.remember();
create trigger user_name_new after insert on "user" for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger user_name_changed after update on "user" for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger user_name_gone after delete on "user" for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger role_assignment_touch before update on role_assignment for each row execute function app.touch();
create trigger role_assignment_remember after insert or update or delete on role_assignment for each row execute function app.remember();
create trigger role_assignment_name_new after insert on role_assignment for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger role_assignment_name_changed after update on role_assignment for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger role_assignment_name_gone after delete on role_assignment for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger api_client_touch before update on api_client for each row execute function app.touch();
create trigger api_client_remember after insert or update or delete on api_client for each row execute function app.remember();
create trigger api_client_name_new after insert on api_client for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger api_client_name_changed after update on api_client for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger api_client_name_gone after delete on api_client for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger sharing_rule_touch before update on sharing_rule for each row execute function app.touch();
create trigger sharing_rule_remember after insert or update or delete on sharing_rule for each row execute function app.remember();
create trigger sharing_rule_name_new after insert on sharing_rule for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger sharing_rule_name_changed after update on sharing_rule for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger sharing_rule_name_gone after delete on sharing_rule for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger prm_setting_touch before update on prm_setting for each row execute function app.touch();
create trigger prm_setting_remember after insert or update or delete on prm_setting for each row execute function app.remember();
create trigger prm_setting_name_new after insert on prm_setting for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger prm_setting_name_changed after update on prm_setting for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger prm_setting_name_gone after delete on prm_setting for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger prm_setting_no_way_back before update or delete on prm_setting for each row execute function app.no_way_back();
create trigger product_share before insert or update on product for each row execute function app.share();
create trigger product_touch before update on product for each row execute function app.touch();
create trigger product_remember after insert or update or delete on product for each row execute function app.remember();
create trigger product_name_new after insert on product for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger product_name_changed after update on product for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger product_name_gone after delete on product for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger vehicle_definition_touch before update on vehicle_definition for each row execute function app.touch();
create trigger vehicle_definition_remember after insert or update or delete on vehicle_definition for each row execute function app.remember();
create trigger vehicle_definition_name_new after insert on vehicle_definition for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger vehicle_definition_name_changed after update on vehicle_definition for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger vehicle_definition_name_gone after delete on vehicle_definition for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger location_touch before update on location for each row execute function app.touch();
create trigger location_remember after insert or update or delete on location for each row execute function app.remember();
create trigger location_name_new after insert on location for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger location_name_changed after update on location for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger location_name_gone after delete on location for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger asset_share before insert or update on asset for each row execute function app.share();
create trigger asset_touch before update on asset for each row execute function app.touch();
create trigger asset_remember after insert or update or delete on asset for each row execute function app.remember();
create trigger asset_name_new after insert on asset for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger asset_name_changed after update on asset for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger asset_name_gone after delete on asset for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger asset_account_participant_touch before update on asset_account_participant for each row execute function app.touch();
create trigger asset_account_participant_remember after insert or update or delete on asset_account_participant for each row execute function app.remember();
create trigger asset_account_participant_name_new after insert on asset_account_participant for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger asset_account_participant_name_changed after update on asset_account_participant for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger asset_account_participant_name_gone after delete on asset_account_participant for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger asset_contact_participant_touch before update on asset_contact_participant for each row execute function app.touch();
create trigger asset_contact_participant_remember after insert or update or delete on asset_contact_participant for each row execute function app.remember();
create trigger asset_contact_participant_name_new after insert on asset_contact_participant for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger asset_contact_participant_name_changed after update on asset_contact_participant for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger asset_contact_participant_name_gone after delete on asset_contact_participant for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger asset_milestone_share before insert or update on asset_milestone for each row execute function app.share();
create trigger asset_milestone_touch before update on asset_milestone for each row execute function app.touch();
create trigger asset_milestone_remember after insert or update or delete on asset_milestone for each row execute function app.remember();
create trigger asset_milestone_name_new after insert on asset_milestone for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger asset_milestone_name_changed after update on asset_milestone for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger asset_milestone_name_gone after delete on asset_milestone for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger vehicle_touch before update on vehicle for each row execute function app.touch();
create trigger vehicle_remember after insert or update or delete on vehicle for each row execute function app.remember();
create trigger vehicle_name_new after insert on vehicle for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger vehicle_name_changed after update on vehicle for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger vehicle_name_gone after delete on vehicle for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger stock_entry_touch before update on stock_entry for each row execute function app.touch();
create trigger stock_entry_remember after insert or update or delete on stock_entry for each row execute function app.remember();
create trigger stock_entry_name_new after insert on stock_entry for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger stock_entry_name_changed after update on stock_entry for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger stock_entry_name_gone after delete on stock_entry for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger stock_entry_place after insert or update or delete on stock_entry for each row execute function app.place_vehicle();
create trigger stock_price_touch before update on stock_price for each row execute function app.touch();
create trigger stock_price_remember after insert or update or delete on stock_price for each row execute function app.remember();
create trigger stock_price_name_new after insert on stock_price for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger stock_price_name_changed after update on stock_price for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger stock_price_name_gone after delete on stock_price for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger column_mapping_touch before update on column_mapping for each row execute function app.touch();
create trigger column_mapping_remember after insert or update or delete on column_mapping for each row execute function app.remember();
create trigger column_mapping_name_new after insert on column_mapping for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger column_mapping_name_changed after update on column_mapping for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger column_mapping_name_gone after delete on column_mapping for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger value_alias_touch before update on value_alias for each row execute function app.touch();
create trigger value_alias_remember after insert or update or delete on value_alias for each row execute function app.remember();
create trigger value_alias_name_new after insert on value_alias for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger value_alias_name_changed after update on value_alias for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger value_alias_name_gone after delete on value_alias for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger vehicle_import_touch before update on vehicle_import for each row execute function app.touch();
create trigger vehicle_import_remember after insert or update or delete on vehicle_import for each row execute function app.remember();
create trigger vehicle_import_name_new after insert on vehicle_import for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger vehicle_import_name_changed after update on vehicle_import for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger vehicle_import_name_gone after delete on vehicle_import for each row when (old.external_keys <> '[]') execute function app.name_record();

-- migrate:down
do $$ begin raise exception 'restore a backup instead'; end $$;
