-- migrate:up
set local search_path = public;

alter table appointment add constraint appointment_lead_id_fkey foreign key (lead_id) references lead (id);

-- migrate:down
alter table appointment drop constraint appointment_lead_id_fkey;
