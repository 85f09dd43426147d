-- migrate:up
set local search_path = public;
set local check_function_bodies = off;

create table saved_search (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  user_id uuid not null,
  name text not null,
  criteria jsonb not null,
  sort jsonb not null default '[]',
  alert text not null default 'NONE',
  channel text not null default 'EMAIL',
  is_active boolean not null default true,
  watched_since timestamptz,
  baseline text,
  last_matched_at timestamptz
);
create table attribute_definition (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  code text not null,
  labels jsonb not null default '{}',
  data_type text not null,
  choices jsonb not null default '[]',
  unit text,
  applies_to text[] not null default '{}',
  is_facet boolean not null default true,
  available_from_on date,
  discontinued_on date
);
alter table saved_search add constraint saved_search_user_id_fkey foreign key (user_id) references "user" (id);
alter table saved_search add constraint saved_search_alert_check check (alert in ('NONE', 'IMMEDIATE', 'DAILY'));
alter table saved_search add constraint saved_search_channel_check check (channel in ('EMAIL', 'SMS'));
alter table attribute_definition add constraint attribute_definition_data_type_check check (data_type in ('TEXT', 'NUMBER', 'BOOLEAN', 'CHOICE'));
alter table attribute_definition add constraint attribute_definition_applies_to_check check (applies_to <@ array['VEHICLE_MODEL', 'PART', 'ACCESSORY', 'SERVICE', 'FINANCIAL']);
alter table attribute_definition add constraint attribute_definition_choices check ((data_type = 'CHOICE') = (choices <> '[]'));
alter table attribute_definition add constraint attribute_definition_unit check (unit is null or data_type = 'NUMBER');
alter table attribute_definition add constraint attribute_definition_discontinued_on check (discontinued_on is null or discontinued_on > coalesce(available_from_on, '-infinity'));
create index saved_search_created_at_id_idx on saved_search (created_at desc, id desc);
create index saved_search_user_id_created_at_id_idx on saved_search (user_id, created_at desc, id desc);
create index saved_search_id_idx on saved_search (id) where is_active and alert <> 'NONE';
create index attribute_definition_created_at_id_idx on attribute_definition (created_at desc, id desc);
create unique index attribute_definition_code_key on attribute_definition (code);
alter table saved_search enable row level security;
alter table saved_search force row level security;
create policy saved_search_owner_all on saved_search for all to forecourt_owner using (true) with check (true);
create policy saved_search_reader_select on saved_search for select to forecourt_reader using (true);
create policy saved_search_staff_all on saved_search for all to forecourt_staff using (true) with check (true);
create policy saved_search_customer_select on saved_search for select to forecourt_customer using (user_id = (select app.uid()));
create policy saved_search_customer_insert on saved_search for insert to forecourt_customer with check (user_id = (select app.uid()));
create policy saved_search_customer_update on saved_search for update to forecourt_customer using (user_id = (select app.uid())) with check (user_id = (select app.uid()));
create policy saved_search_customer_delete on saved_search for delete to forecourt_customer using (user_id = (select app.uid()));
create policy saved_search_partner_select on saved_search for select to forecourt_partner using (user_id = (select app.uid()));
create policy saved_search_partner_insert on saved_search for insert to forecourt_partner with check (user_id = (select app.uid()));
create policy saved_search_partner_update on saved_search for update to forecourt_partner using (user_id = (select app.uid())) with check (user_id = (select app.uid()));
create policy saved_search_partner_delete on saved_search for delete to forecourt_partner using (user_id = (select app.uid()));
alter table attribute_definition enable row level security;
alter table attribute_definition force row level security;
create policy attribute_definition_owner_all on attribute_definition for all to forecourt_owner using (true) with check (true);
create policy attribute_definition_reader_select on attribute_definition for select to forecourt_reader using (true);
create policy attribute_definition_staff_all on attribute_definition for all to forecourt_staff using (true) with check (true);
create policy attribute_definition_guest_select on attribute_definition for select to forecourt_guest using (true);
create policy attribute_definition_customer_select on attribute_definition for select to forecourt_customer using (true);
create policy attribute_definition_partner_select on attribute_definition for select to forecourt_partner using (true);
grant select on saved_search to forecourt_reader;
grant select, insert, update, delete on saved_search to forecourt_staff;
grant select, insert, update, delete on saved_search to forecourt_customer;
grant select, insert, update, delete on saved_search to forecourt_partner;
grant select on attribute_definition to forecourt_reader;
grant select, insert, update, delete on attribute_definition to forecourt_staff;
grant select on attribute_definition to forecourt_guest;
grant select, insert, update, delete on attribute_definition to forecourt_customer;
grant select, insert, update, delete on attribute_definition to forecourt_partner;
create trigger saved_search_touch before update on saved_search for each row execute function app.touch();
create trigger saved_search_remember after insert or update or delete on saved_search for each row execute function app.remember('-baseline', '-last_matched_at');
create trigger saved_search_name_new after insert on saved_search for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger saved_search_name_changed after update on saved_search for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger saved_search_name_gone after delete on saved_search for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger attribute_definition_touch before update on attribute_definition for each row execute function app.touch();
create trigger attribute_definition_remember after insert or update or delete on attribute_definition for each row execute function app.remember();
create trigger attribute_definition_name_new after insert on attribute_definition for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger attribute_definition_name_changed after update on attribute_definition for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger attribute_definition_name_gone after delete on attribute_definition for each row when (old.external_keys <> '[]') execute function app.name_record();

-- What the owners of saved searches were told, or are to be told: a car's stay in stock once a search, for ever. The row
-- and the message are written in one transaction; without a message it was not to be told (no consent, no rights), and
-- without a time it waits for the day's message.
create table saved_search_match (
  saved_search_id uuid not null
    constraint saved_search_match_saved_search_id_fkey references saved_search (id) on delete cascade,
  vehicle_id uuid not null,
  stock_entry_id uuid not null,
  matched_at timestamptz not null,
  told_at timestamptz,
  message_id uuid,
  constraint saved_search_match_told_at_check check (message_id is null or told_at is not null),
  primary key (saved_search_id, vehicle_id, stock_entry_id)
);
create index saved_search_match_waiting_idx on saved_search_match (saved_search_id) where told_at is null;
create index saved_search_match_message_id_idx on saved_search_match (message_id);

-- Which changes the saved searches have been asked about: everything visible in `seen`. While a large step is taken in
-- parts, `heading` is the state that it leads to and `done` the last car that was looked at.
create table saved_search_position (
  only_row boolean primary key default true constraint saved_search_position_only_row check (only_row),
  epoch uuid not null,
  seen text not null,
  heading text,
  done uuid,
  constraint saved_search_position_done_check check ((heading is null) = (done is null))
);
insert into saved_search_position (epoch, seen) values (app.epoch(), pg_current_snapshot()::text);
revoke all on saved_search_match, saved_search_position from public;
grant select, insert, update, delete on saved_search_match, saved_search_position to forecourt_staff;

-- migrate:down
drop table saved_search_position, saved_search_match, attribute_definition, saved_search;
