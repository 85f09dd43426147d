-- migrate:up
set local search_path = public;
set local check_function_bodies = off;

-- Ledgers are added to and never changed, but by the owner of the tables, who keeps house. Columns named as arguments hold
-- texts out of which a person may be erased.
create function app.append_only() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and tg_nargs > 0
     and to_jsonb(new) - tg_argv - '{version,updated_at}'::text[] = to_jsonb(old) - tg_argv - '{version,updated_at}'::text[]
  then return new; end if;
  if pg_has_role(current_user, 'forecourt_owner', 'member') then
    if tg_op = 'DELETE' then return old; end if;
    return new;
  end if;
  raise exception 'lines of % are never changed', tg_table_name using errcode = 'insufficient_privilege';
end $$;

-- The dealer whose location it is; null where it is the organisation's own, or nobody's.
create function app.dealer_of(of_location uuid) returns uuid language sql stable security definer
  set search_path = public, pg_temp
  as $$ select a.id from location l join account a on a.id = l.account_id where l.id = of_location and a.type <> 'OEM' $$;

-- Writes where a car went when its stock entry changed place. Whoever changes an entry has locked the car before; two who
-- have not meet at the unique position.
create function app.tell_movement() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
declare
  last vehicle_stock_transaction; way vehicle_transfer_order; was text; is_now text; what text;
begin
  if tg_op = 'UPDATE' and (new.status, new.location_id, new.left_on) is not distinct from (old.status, old.location_id, old.left_on)
  then return null; end if;
  if tg_op = 'UPDATE' and old.transfer_order_id is not null and old.left_on is null and old.status = 'IN_TRANSIT' then
    select * into way from vehicle_transfer_order where id = old.transfer_order_id;
    if way.status = 'IN_TRANSIT' then
      raise exception 'the car is under way' using errcode = 'check_violation', constraint = 'stock_entry_under_way',
        table = 'stock_entry';
    end if;
    if new.left_on is not null then return null; end if; -- received: the entry at the other end tells it
  end if;
  select * into last from vehicle_stock_transaction where vehicle_id = new.vehicle_id order by position desc limit 1;
  if tg_op = 'INSERT' and last.id is null then return null; end if; -- the entry itself is the opening balance
  is_now := app.place_of(new);
  if tg_op = 'INSERT' then was := last.to_place;
  else
    was := app.place_of(old);
    if (was, case when was = 'ON_HAND' then old.location_id end, case when was = 'ON_HAND' then old.dealer_account_id end)
       is distinct from (coalesce(last.to_place, 'OUTSIDE'), case when last.to_place = 'ON_HAND' then last.to_location_id end,
                         case when last.to_place = 'ON_HAND' then last.to_account_id end) then
      insert into vehicle_stock_transaction (id, created_at, updated_at, vehicle_id, position, kind, from_place, to_place,
                                             from_location_id, to_location_id, from_account_id, to_account_id, brand,
                                             stock_entry_id, actor)
        values (gen_random_uuid(), app.moment(), app.moment(), new.vehicle_id, coalesce(last.position, 0) + 1, 'OPENING',
                coalesce(last.to_place, 'OUTSIDE'), was, last.to_location_id, old.location_id, last.to_account_id,
                old.dealer_account_id, old.brand, old.id, app.actor())
        returning * into last;
    end if;
  end if;
  if is_now = was and (is_now <> 'ON_HAND'
     or (new.location_id, new.dealer_account_id) is not distinct from (last.to_location_id, last.to_account_id))
  then return null; end if;
  if new.transfer_order_id is not null and is_now = 'IN_TRANSIT' then
    select * into way from vehicle_transfer_order where id = new.transfer_order_id;
  elsif was = 'IN_TRANSIT' then
    select * into way from vehicle_transfer_order where id = last.transfer_order_id;
  end if;
  what := case when was = 'OUTSIDE' then 'STOCKED'
               when is_now = 'OUTSIDE' then case new.status when 'SOLD' then 'DELIVERED' else 'REMOVED' end
               when is_now = was then 'RELOCATED'
               when is_now = 'IN_TRANSIT' then 'DISPATCHED' else 'RECEIVED' end;
  insert into vehicle_stock_transaction (id, created_at, updated_at, vehicle_id, position, kind, from_place, to_place,
                                         from_location_id, to_location_id, from_account_id, to_account_id, brand,
                                         stock_entry_id, transfer_order_id, actor)
    values (gen_random_uuid(), app.moment(), app.moment(), new.vehicle_id, coalesce(last.position, 0) + 1, what, was, is_now,
            case when was = 'ON_HAND' then last.to_location_id when was = 'IN_TRANSIT' then last.from_location_id end,
            case when is_now = 'ON_HAND' then new.location_id
                 when is_now = 'IN_TRANSIT' then coalesce(way.to_location_id, new.location_id) end,
            case when was = 'ON_HAND' then last.to_account_id when was = 'IN_TRANSIT' then last.from_account_id end,
            case when is_now = 'ON_HAND' then new.dealer_account_id
                 when is_now = 'IN_TRANSIT' and way.id is not null then way.to_account_id
                 when is_now = 'IN_TRANSIT' then new.dealer_account_id end,
            new.brand, new.id, way.id, app.actor());
  return null;
end $$;

-- Where a stock entry says that its car is.
create function app.place_of(e stock_entry) returns text language sql immutable
  as $$ select case when e.left_on is not null or e.status in ('ON_ORDER', 'SOLD', 'RETIRED') then 'OUTSIDE'
                    when e.status = 'IN_TRANSIT' then 'IN_TRANSIT' else 'ON_HAND' end $$;

-- Who acts, as history writes it.
create function app.actor() returns text language sql stable
  as $$ select coalesce(nullif(current_setting('app.actor', true), ''), session_user) $$;

-- A product item belongs to the dealer whose location it is at, and is of its product's brand.
create function app.place_product_item() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
begin
  new.account_id := coalesce(new.account_id, app.dealer_of(new.location_id));
  new.brand := (select brand from product where id = new.product_id);
  return new;
end $$;

-- Changes the quantities of a product item, which the caller has locked, and writes the line that says so.
create function app.book_parts(of_item uuid, what text, d_on_hand bigint, d_reserved bigint, d_in_transit bigint,
                               of_reference text, why text, other uuid, of_transfer text) returns void
  language plpgsql volatile as $$
declare item product_item;
begin
  update product_item
     set quantity_on_hand = quantity_on_hand + d_on_hand, quantity_reserved = quantity_reserved + d_reserved,
         quantity_in_transit = quantity_in_transit + d_in_transit
   where id = of_item returning * into item;
  if item.id is null then
    raise exception 'product item % is not the caller''s', of_item using errcode = 'insufficient_privilege';
  end if;
  insert into product_item_transaction (id, created_at, updated_at, item_id, position, account_id, brand, kind, on_hand,
                                        reserved, in_transit, reference, reason, other_location_id, transfer_id, actor)
    values (gen_random_uuid(), app.moment(), app.moment(), item.id, item.version, item.account_id, item.brand, what, d_on_hand,
            d_reserved, d_in_transit, of_reference, why, other, of_transfer, app.actor());
end $$;

create sequence vehicle_transfer_order_number;
create sequence vehicle_reservation_number;
create table vehicle_reservation (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  number text not null default app.series('vehicle_reservation_number', 'VR-', 8),
  vehicle_id uuid not null,
  account_id uuid,
  keeper_account_id uuid,
  location_id uuid,
  brand text,
  holder_contact_id uuid,
  reserved_for text,
  deposit_reference text,
  until_at timestamptz not null,
  deadline_at timestamptz,
  status text not null default 'REQUESTED',
  reason text
);
create table vehicle_transfer_order (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  number text not null default app.series('vehicle_transfer_order_number', 'VT-', 8),
  vehicle_id uuid not null,
  from_location_id uuid,
  from_account_id uuid,
  to_location_id uuid not null,
  to_account_id uuid,
  brand text,
  status text not null default 'REQUESTED',
  reason text,
  answer text,
  deadline_at timestamptz,
  dispatched_at timestamptz,
  received_at timestamptz
);
create table vehicle_stock_transaction (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  vehicle_id uuid not null,
  position bigint not null,
  kind text not null,
  from_place text not null,
  to_place text not null,
  from_location_id uuid,
  to_location_id uuid,
  from_account_id uuid,
  to_account_id uuid,
  brand text,
  stock_entry_id uuid,
  transfer_order_id uuid,
  actor text not null
);
create table product_item (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  product_id uuid not null,
  location_id uuid not null,
  account_id uuid,
  brand text,
  quantity_on_hand bigint not null default 0,
  quantity_reserved bigint not null default 0,
  quantity_in_transit bigint not null default 0,
  expected_on date,
  minimum_quantity bigint,
  maximum_quantity bigint,
  unit_cost_minor bigint,
  unit_cost_currency text
);
create table product_item_transaction (
  id uuid primary key,
  version bigint not null default 1,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  external_keys jsonb not null default '[]',
  item_id uuid not null,
  position bigint not null,
  account_id uuid,
  brand text,
  kind text not null,
  on_hand bigint not null,
  reserved bigint not null,
  in_transit bigint not null,
  reference text,
  reason text,
  other_location_id uuid,
  transfer_id text,
  actor text not null
);
alter table vehicle_reservation add constraint vehicle_reservation_vehicle_id_fkey foreign key (vehicle_id) references vehicle (id);
alter table vehicle_reservation add constraint vehicle_reservation_account_id_fkey foreign key (account_id) references account (id);
alter table vehicle_reservation add constraint vehicle_reservation_keeper_account_id_fkey foreign key (keeper_account_id) references account (id);
alter table vehicle_reservation add constraint vehicle_reservation_location_id_fkey foreign key (location_id) references location (id);
alter table vehicle_reservation add constraint vehicle_reservation_holder_contact_id_fkey foreign key (holder_contact_id) references contact (id);
alter table vehicle_reservation add constraint vehicle_reservation_status_check check (status in ('REQUESTED', 'ACTIVE', 'DECLINED', 'EXPIRED', 'RELEASED', 'FULFILLED'));
alter table vehicle_reservation add constraint vehicle_reservation_deadline check (status <> 'REQUESTED' or deadline_at is not null);
alter table vehicle_transfer_order add constraint vehicle_transfer_order_vehicle_id_fkey foreign key (vehicle_id) references vehicle (id);
alter table vehicle_transfer_order add constraint vehicle_transfer_order_from_location_id_fkey foreign key (from_location_id) references location (id);
alter table vehicle_transfer_order add constraint vehicle_transfer_order_from_account_id_fkey foreign key (from_account_id) references account (id);
alter table vehicle_transfer_order add constraint vehicle_transfer_order_to_location_id_fkey foreign key (to_location_id) references location (id);
alter table vehicle_transfer_order add constraint vehicle_transfer_order_to_account_id_fkey foreign key (to_account_id) references account (id);
alter table vehicle_transfer_order add constraint vehicle_transfer_order_status_check check (status in ('REQUESTED', 'APPROVED', 'IN_TRANSIT', 'COMPLETED', 'REJECTED', 'CANCELLED'));
alter table vehicle_transfer_order add constraint vehicle_transfer_order_deadline check (status not in ('REQUESTED', 'APPROVED') or deadline_at is not null);
alter table vehicle_transfer_order add constraint vehicle_transfer_order_dispatched check (status not in ('IN_TRANSIT', 'COMPLETED') or dispatched_at is not null);
alter table vehicle_transfer_order add constraint vehicle_transfer_order_received check ((status = 'COMPLETED') = (received_at is not null));
alter table vehicle_transfer_order add constraint vehicle_transfer_order_elsewhere check (from_location_id is distinct from to_location_id);
alter table vehicle_stock_transaction add constraint vehicle_stock_transaction_vehicle_id_fkey foreign key (vehicle_id) references vehicle (id);
alter table vehicle_stock_transaction add constraint vehicle_stock_transaction_kind_check check (kind in ('OPENING', 'STOCKED', 'RELOCATED', 'DISPATCHED', 'RECEIVED', 'DELIVERED', 'REMOVED'));
alter table vehicle_stock_transaction add constraint vehicle_stock_transaction_from_place_check check (from_place in ('OUTSIDE', 'ON_HAND', 'IN_TRANSIT'));
alter table vehicle_stock_transaction add constraint vehicle_stock_transaction_to_place_check check (to_place in ('OUTSIDE', 'ON_HAND', 'IN_TRANSIT'));
alter table vehicle_stock_transaction add constraint vehicle_stock_transaction_from_location_id_fkey foreign key (from_location_id) references location (id);
alter table vehicle_stock_transaction add constraint vehicle_stock_transaction_to_location_id_fkey foreign key (to_location_id) references location (id);
alter table vehicle_stock_transaction add constraint vehicle_stock_transaction_from_account_id_fkey foreign key (from_account_id) references account (id);
alter table vehicle_stock_transaction add constraint vehicle_stock_transaction_to_account_id_fkey foreign key (to_account_id) references account (id);
alter table vehicle_stock_transaction add constraint vehicle_stock_transaction_stock_entry_id_fkey foreign key (stock_entry_id) references stock_entry (id);
alter table vehicle_stock_transaction add constraint vehicle_stock_transaction_transfer_order_id_fkey foreign key (transfer_order_id) references vehicle_transfer_order (id);
alter table vehicle_stock_transaction add constraint vehicle_stock_transaction_moves check ((from_place, case when from_place = 'ON_HAND' then from_location_id end, case when from_place = 'ON_HAND' then from_account_id end) is distinct from (to_place, case when to_place = 'ON_HAND' then to_location_id end, case when to_place = 'ON_HAND' then to_account_id end));
alter table vehicle_stock_transaction add constraint vehicle_stock_transaction_position_positive check (position > 0);
alter table product_item add constraint product_item_product_id_fkey foreign key (product_id) references product (id);
alter table product_item add constraint product_item_location_id_fkey foreign key (location_id) references location (id);
alter table product_item add constraint product_item_account_id_fkey foreign key (account_id) references account (id);
alter table product_item add constraint product_item_unit_cost_check check ((unit_cost_minor is null) = (unit_cost_currency is null));
alter table product_item add constraint product_item_on_hand check (quantity_on_hand >= 0);
alter table product_item add constraint product_item_reserved check (quantity_reserved between 0 and quantity_on_hand);
alter table product_item add constraint product_item_in_transit check (quantity_in_transit >= 0);
alter table product_item add constraint product_item_minimum check (minimum_quantity >= 0);
alter table product_item add constraint product_item_maximum check (maximum_quantity >= coalesce(minimum_quantity, 0));
alter table product_item add constraint product_item_unit_cost_positive check (unit_cost_minor >= 0);
alter table product_item_transaction add constraint product_item_transaction_item_id_fkey foreign key (item_id) references product_item (id);
alter table product_item_transaction add constraint product_item_transaction_account_id_fkey foreign key (account_id) references account (id);
alter table product_item_transaction add constraint product_item_transaction_kind_check check (kind in ('RECEIPT', 'ADJUSTMENT', 'RESERVATION', 'RELEASE', 'ISSUE', 'TRANSFER_OUT', 'ANNOUNCEMENT', 'TRANSFER_IN'));
alter table product_item_transaction add constraint product_item_transaction_other_location_id_fkey foreign key (other_location_id) references location (id);
alter table product_item_transaction add constraint product_item_transaction_position_positive check (position > 0);
create index vehicle_reservation_created_at_id_idx on vehicle_reservation (created_at desc, id desc);
create unique index vehicle_reservation_number_key on vehicle_reservation (number);
create unique index vehicle_reservation_vehicle_id_key on vehicle_reservation (vehicle_id) where status in ('REQUESTED', 'ACTIVE');
create index vehicle_reservation_account_id_created_at_id_idx on vehicle_reservation (account_id, created_at desc, id desc);
create index vehicle_reservation_keeper_account_id_created_at_id_idx on vehicle_reservation (keeper_account_id, created_at desc, id desc);
create index vehicle_reservation_vehicle_id_created_at_idx on vehicle_reservation (vehicle_id, created_at desc);
create index vehicle_reservation_until_at_idx on vehicle_reservation (until_at) where status in ('REQUESTED', 'ACTIVE');
create index vehicle_reservation_deadline_at_idx on vehicle_reservation (deadline_at) where status = 'REQUESTED';
create index vehicle_reservation_location_id_idx on vehicle_reservation (location_id);
create index vehicle_reservation_holder_contact_id_idx on vehicle_reservation (holder_contact_id);
create index vehicle_transfer_order_created_at_id_idx on vehicle_transfer_order (created_at desc, id desc);
create unique index vehicle_transfer_order_number_key on vehicle_transfer_order (number);
create unique index vehicle_transfer_order_vehicle_id_key on vehicle_transfer_order (vehicle_id) where status in ('REQUESTED', 'APPROVED', 'IN_TRANSIT');
create index vehicle_transfer_order_to_account_id_created_at_id_idx on vehicle_transfer_order (to_account_id, created_at desc, id desc);
create index vehicle_transfer_order_from_account_id_created_at_id_idx on vehicle_transfer_order (from_account_id, created_at desc, id desc);
create index vehicle_transfer_order_vehicle_id_created_at_idx on vehicle_transfer_order (vehicle_id, created_at desc);
create index vehicle_transfer_order_deadline_at_idx on vehicle_transfer_order (deadline_at) where status in ('REQUESTED', 'APPROVED');
create index vehicle_transfer_order_from_location_id_idx on vehicle_transfer_order (from_location_id);
create index vehicle_transfer_order_to_location_id_idx on vehicle_transfer_order (to_location_id);
create index vehicle_stock_transaction_created_at_id_idx on vehicle_stock_transaction (created_at desc, id desc);
create unique index vehicle_stock_transaction_vehicle_id_position_key on vehicle_stock_transaction (vehicle_id, position);
create index vehicle_stock_transaction_to_account_id_created_at_id_idx on vehicle_stock_transaction (to_account_id, created_at desc, id desc);
create index vehicle_stock_transaction_from_account_id_created_at_id_idx on vehicle_stock_transaction (from_account_id, created_at desc, id desc);
create index vehicle_stock_transaction_from_location_id_created_at_idx on vehicle_stock_transaction (from_location_id, created_at desc);
create index vehicle_stock_transaction_to_location_id_created_at_idx on vehicle_stock_transaction (to_location_id, created_at desc);
create index vehicle_stock_transaction_stock_entry_id_idx on vehicle_stock_transaction (stock_entry_id);
create index vehicle_stock_transaction_transfer_order_id_idx on vehicle_stock_transaction (transfer_order_id);
create index product_item_created_at_id_idx on product_item (created_at desc, id desc);
create unique index product_item_product_id_location_id_key on product_item (product_id, location_id);
create index product_item_account_id_created_at_id_idx on product_item (account_id, created_at desc, id desc);
create index product_item_location_id_product_id_idx on product_item (location_id, product_id);
create index product_item_transaction_created_at_id_idx on product_item_transaction (created_at desc, id desc);
create unique index product_item_transaction_item_id_position_key on product_item_transaction (item_id, position);
create index product_item_transaction_account_id_created_at_id_idx on product_item_transaction (account_id, created_at desc, id desc);
create index product_item_transaction_item_id_reference_idx on product_item_transaction (item_id, reference) where reference is not null;
create index product_item_transaction_other_location_id_idx on product_item_transaction (other_location_id);
alter table vehicle_reservation enable row level security;
alter table vehicle_reservation force row level security;
create policy vehicle_reservation_owner_all on vehicle_reservation for all to forecourt_owner using (true) with check (true);
create policy vehicle_reservation_reader_select on vehicle_reservation for select to forecourt_reader using (true);
create policy vehicle_reservation_staff_all on vehicle_reservation for all to forecourt_staff using ((select app.brands()) is null or brand = any((select app.brands())::text[])) with check ((select app.brands()) is null or brand = any((select app.brands())::text[]));
create policy vehicle_reservation_partner_select on vehicle_reservation for select to forecourt_partner using (account_id = any((select app.group_units())::uuid[]) or keeper_account_id = any((select app.group_units())::uuid[]));
create policy vehicle_reservation_partner_insert on vehicle_reservation for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy vehicle_reservation_partner_update on vehicle_reservation for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy vehicle_reservation_partner_delete on vehicle_reservation for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
alter table vehicle_transfer_order enable row level security;
alter table vehicle_transfer_order force row level security;
create policy vehicle_transfer_order_owner_all on vehicle_transfer_order for all to forecourt_owner using (true) with check (true);
create policy vehicle_transfer_order_reader_select on vehicle_transfer_order for select to forecourt_reader using (true);
create policy vehicle_transfer_order_staff_all on vehicle_transfer_order for all to forecourt_staff using ((select app.brands()) is null or brand = any((select app.brands())::text[])) with check ((select app.brands()) is null or brand = any((select app.brands())::text[]));
create policy vehicle_transfer_order_partner_select on vehicle_transfer_order for select to forecourt_partner using (to_account_id = any((select app.group_units())::uuid[]) or from_account_id = any((select app.group_units())::uuid[]));
create policy vehicle_transfer_order_partner_insert on vehicle_transfer_order for insert to forecourt_partner with check (to_account_id = any((select app.units())::uuid[]));
create policy vehicle_transfer_order_partner_update on vehicle_transfer_order for update to forecourt_partner using (to_account_id = any((select app.units())::uuid[])) with check (to_account_id = any((select app.units())::uuid[]));
create policy vehicle_transfer_order_partner_delete on vehicle_transfer_order for delete to forecourt_partner using (to_account_id = any((select app.units())::uuid[]));
alter table vehicle_stock_transaction enable row level security;
alter table vehicle_stock_transaction force row level security;
create policy vehicle_stock_transaction_owner_all on vehicle_stock_transaction for all to forecourt_owner using (true) with check (true);
create policy vehicle_stock_transaction_reader_select on vehicle_stock_transaction for select to forecourt_reader using (true);
create policy vehicle_stock_transaction_staff_all on vehicle_stock_transaction for all to forecourt_staff using ((select app.brands()) is null or brand = any((select app.brands())::text[])) with check ((select app.brands()) is null or brand = any((select app.brands())::text[]));
create policy vehicle_stock_transaction_partner_select on vehicle_stock_transaction for select to forecourt_partner using (to_account_id = any((select app.group_units())::uuid[]) or from_account_id = any((select app.group_units())::uuid[]));
create policy vehicle_stock_transaction_partner_insert on vehicle_stock_transaction for insert to forecourt_partner with check (to_account_id = any((select app.units())::uuid[]));
create policy vehicle_stock_transaction_partner_update on vehicle_stock_transaction for update to forecourt_partner using (to_account_id = any((select app.units())::uuid[])) with check (to_account_id = any((select app.units())::uuid[]));
create policy vehicle_stock_transaction_partner_delete on vehicle_stock_transaction for delete to forecourt_partner using (to_account_id = any((select app.units())::uuid[]));
alter table product_item enable row level security;
alter table product_item force row level security;
create policy product_item_owner_all on product_item for all to forecourt_owner using (true) with check (true);
create policy product_item_reader_select on product_item for select to forecourt_reader using (true);
create policy product_item_staff_all on product_item for all to forecourt_staff using ((select app.brands()) is null or brand = any((select app.brands())::text[])) with check ((select app.brands()) is null or brand = any((select app.brands())::text[]));
create policy product_item_partner_select on product_item for select to forecourt_partner using (account_id = any((select app.units())::uuid[]) or true);
create policy product_item_partner_insert on product_item for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy product_item_partner_update on product_item for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy product_item_partner_delete on product_item for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
alter table product_item_transaction enable row level security;
alter table product_item_transaction force row level security;
create policy product_item_transaction_owner_all on product_item_transaction for all to forecourt_owner using (true) with check (true);
create policy product_item_transaction_reader_select on product_item_transaction for select to forecourt_reader using (true);
create policy product_item_transaction_staff_all on product_item_transaction for all to forecourt_staff using ((select app.brands()) is null or brand = any((select app.brands())::text[])) with check ((select app.brands()) is null or brand = any((select app.brands())::text[]));
create policy product_item_transaction_partner_select on product_item_transaction for select to forecourt_partner using (account_id = any((select app.units())::uuid[]));
create policy product_item_transaction_partner_insert on product_item_transaction for insert to forecourt_partner with check (account_id = any((select app.units())::uuid[]));
create policy product_item_transaction_partner_update on product_item_transaction for update to forecourt_partner using (account_id = any((select app.units())::uuid[])) with check (account_id = any((select app.units())::uuid[]));
create policy product_item_transaction_partner_delete on product_item_transaction for delete to forecourt_partner using (account_id = any((select app.units())::uuid[]));
grant select on vehicle_reservation to forecourt_reader;
grant select, insert, update, delete on vehicle_reservation to forecourt_staff;
grant select, insert, update, delete on vehicle_reservation to forecourt_partner;
grant select on vehicle_transfer_order to forecourt_reader;
grant select, insert, update, delete on vehicle_transfer_order to forecourt_staff;
grant select, insert, update, delete on vehicle_transfer_order to forecourt_partner;
grant select on vehicle_stock_transaction to forecourt_reader;
grant select, insert, update, delete on vehicle_stock_transaction to forecourt_staff;
grant select, insert, update, delete on vehicle_stock_transaction to forecourt_partner;
grant select on product_item to forecourt_reader;
grant select, insert, update, delete on product_item to forecourt_staff;
grant select, insert, update, delete on product_item to forecourt_partner;
grant select on product_item_transaction to forecourt_reader;
grant select, insert, update, delete on product_item_transaction to forecourt_staff;
grant select, insert, update, delete on product_item_transaction to forecourt_partner;
create trigger vehicle_reservation_touch before update on vehicle_reservation for each row execute function app.touch();
create trigger vehicle_reservation_remember after insert or update or delete on vehicle_reservation for each row execute function app.remember();
create trigger vehicle_reservation_name_new after insert on vehicle_reservation for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger vehicle_reservation_name_changed after update on vehicle_reservation for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger vehicle_reservation_name_gone after delete on vehicle_reservation for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger vehicle_transfer_order_touch before update on vehicle_transfer_order for each row execute function app.touch();
create trigger vehicle_transfer_order_remember after insert or update or delete on vehicle_transfer_order for each row execute function app.remember();
create trigger vehicle_transfer_order_name_new after insert on vehicle_transfer_order for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger vehicle_transfer_order_name_changed after update on vehicle_transfer_order for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger vehicle_transfer_order_name_gone after delete on vehicle_transfer_order for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger vehicle_stock_transaction_touch before update on vehicle_stock_transaction for each row execute function app.touch();
create trigger vehicle_stock_transaction_remember after insert or update or delete on vehicle_stock_transaction for each row execute function app.remember();
create trigger vehicle_stock_transaction_name_new after insert on vehicle_stock_transaction for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger vehicle_stock_transaction_name_changed after update on vehicle_stock_transaction for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger vehicle_stock_transaction_name_gone after delete on vehicle_stock_transaction for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger vehicle_stock_transaction_kept before update or delete on vehicle_stock_transaction for each row execute function app.append_only();
create trigger product_item_touch before update on product_item for each row execute function app.touch();
create trigger product_item_remember after insert or update or delete on product_item for each row execute function app.remember();
create trigger product_item_name_new after insert on product_item for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger product_item_name_changed after update on product_item for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger product_item_name_gone after delete on product_item for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger product_item_placed before insert on product_item for each row execute function app.place_product_item();
create trigger product_item_transaction_touch before update on product_item_transaction for each row execute function app.touch();
create trigger product_item_transaction_remember after insert or update or delete on product_item_transaction for each row execute function app.remember();
create trigger product_item_transaction_name_new after insert on product_item_transaction for each row when (new.external_keys <> '[]') execute function app.name_record();
create trigger product_item_transaction_name_changed after update on product_item_transaction for each row when (old.external_keys is distinct from new.external_keys) execute function app.name_record();
create trigger product_item_transaction_name_gone after delete on product_item_transaction for each row when (old.external_keys <> '[]') execute function app.name_record();
create trigger product_item_transaction_kept before update or delete on product_item_transaction for each row execute function app.append_only('reason');
alter table stock_entry add column transfer_order_id uuid;
alter table stock_entry add constraint stock_entry_transfer_order_id_fkey foreign key (transfer_order_id) references vehicle_transfer_order (id);
create index stock_entry_reserved_until_at_idx on stock_entry (reserved_until_at) where left_on is null and status = 'RESERVED';
create index stock_entry_transfer_order_id_idx on stock_entry (transfer_order_id) where transfer_order_id is not null;
create trigger stock_entry_told after insert or update on stock_entry for each row execute function app.tell_movement();

-- A stock entry's values with those of an imported row put over them. Nothing but a command ends a reservation, a sale or a
-- transfer, and no file lifts the holds that others put on a car.
create or replace function app.import_over(e stock_entry, r vehicle_import_row) returns stock_entry language sql immutable
  as $$ select jsonb_populate_record(e, r.entry - '{status,holds}'::text[]
          || case when r.location_id is null or e.transfer_order_id is not null then '{}'
               else jsonb_build_object('location_id', r.location_id) end
          || case when r.entry ? 'status' and (e.id is null or (e.transfer_order_id is null and
                 '{ON_ORDER,IN_TRANSIT,IN_STOCK}'::text[] @> array[e.status, r.entry ->> 'status']))
               then jsonb_build_object('status', r.entry ->> 'status') else '{}' end
          || case when r.entry ? 'holds' then jsonb_build_object('holds', (
                 select coalesce(jsonb_agg(hold order by array_position('{RECALL,QUALITY,DAMAGE,PREPARATION,TITLE}', hold)), '[]')
                   from (select jsonb_array_elements_text(r.entry -> 'holds')
                         union select h from unnest(e.holds) h where h in ('RECALL', 'QUALITY')) had (hold)))
               else '{}' end) $$;

-- migrate:down
drop trigger stock_entry_told on stock_entry;
drop index stock_entry_reserved_until_at_idx;
create or replace function app.import_over(e stock_entry, r vehicle_import_row) returns stock_entry language sql immutable
  as $$ select jsonb_populate_record(e, r.entry - '{status,holds}'::text[]
          || case when r.location_id is null then '{}' else jsonb_build_object('location_id', r.location_id) end
          || case when r.entry ? 'status' and (e.id is null or
                 ('{ON_ORDER,IN_TRANSIT,IN_STOCK}'::text[] @> array[e.status, r.entry ->> 'status']))
               then jsonb_build_object('status', r.entry ->> 'status') else '{}' end
          || case when r.entry ? 'holds' then jsonb_build_object('holds', (
                 select coalesce(jsonb_agg(hold order by array_position('{RECALL,QUALITY,DAMAGE,PREPARATION,TITLE}', hold)), '[]')
                   from (select jsonb_array_elements_text(r.entry -> 'holds')
                         union select h from unnest(e.holds) h where h in ('RECALL', 'QUALITY')) had (hold)))
               else '{}' end) $$;
alter table stock_entry drop column transfer_order_id;
drop table product_item_transaction, product_item, vehicle_stock_transaction, vehicle_transfer_order, vehicle_reservation;
drop sequence vehicle_reservation_number, vehicle_transfer_order_number;
drop function app.book_parts, app.place_product_item, app.tell_movement, app.place_of, app.dealer_of, app.actor, app.append_only;
