-- migrate:up
set local search_path = public;

create sequence lead_number;
create table lead (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  number text not null default app.series('lead_number', 'L-', 8),
  account_id uuid,
  owner_id uuid,
  brand text,
  contact_id uuid,
  first_name text,
  last_name text not null,
  company text,
  email text,
  phone text,
  source text,
  status text not null default 'NEW'
);
alter table lead add constraint lead_account_id_fkey foreign key (account_id) references account (id);
alter table lead add constraint lead_owner_id_fkey foreign key (owner_id) references "user" (id);
alter table lead add constraint lead_contact_id_fkey foreign key (contact_id) references contact (id);
alter table lead add constraint lead_status_check check (status in ('NEW'));
alter table lead add constraint lead_email check (email is not null or phone is not null or contact_id is not null);
create index lead_created_at_id_idx on lead (created_at desc, id desc);
create unique index lead_number_key on lead (number);
create index lead_account_id_created_at_id_idx on lead (account_id, created_at desc, id desc);
create index lead_owner_id_created_at_idx on lead (owner_id, created_at desc);
create index lead_contact_id_idx on lead (contact_id);
alter table lead enable row level security;
alter table lead force row level security;
create policy lead_owner_all on lead for all to forecourt_owner using (true) with check (true);
create policy lead_reader_select on lead for select to forecourt_reader using (true);
create policy lead_staff_all on lead for all to forecourt_staff using ((select app.brands()) is null or brand = any((select app.brands())::text[])) with check ((select app.brands()) is null or brand = any((select app.brands())::text[]));
create policy lead_partner_select on lead for select to forecourt_partner using (account_id = any((select app.units())::uuid[]));
create policy lead_partner_insert on lead for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy lead_partner_update on lead for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy lead_partner_delete on lead for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
grant select on lead to forecourt_reader;
grant select, insert, update, delete on lead to forecourt_staff;
grant select, insert, update, delete on lead to forecourt_partner;
create trigger lead_touch before update on lead for each row execute function app.touch();
create trigger lead_remember after insert or update or delete on lead for each row execute function app.remember();
create trigger lead_name_new after insert on lead for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger lead_name_changed after update on lead for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger lead_name_gone after delete on lead for each row when (old.external_keys <> '[]') execute function app.name_record();

-- migrate:down
drop table lead;
drop sequence lead_number;
