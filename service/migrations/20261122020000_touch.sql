-- migrate:up
-- An update that changes nothing is none: neither version nor history tell of it. Columns that PostgreSQL computes are
-- still null in NEW while a trigger before the update runs, so they are named as arguments and left out of account.
create or replace function app.touch() returns trigger language plpgsql as $$
begin
  if new is not distinct from old then return new; end if;
  if tg_nargs > 0 and to_jsonb(new) - tg_argv = to_jsonb(old) - tg_argv then return new; end if;
  new.version := old.version + 1;
  new.updated_at := app.moment();
  return new;
end $$;

drop trigger stock_entry_touch on stock_entry;
create trigger stock_entry_touch before update on stock_entry for each row execute function app.touch('audience');

-- migrate:down
drop trigger stock_entry_touch on stock_entry;
create trigger stock_entry_touch before update on stock_entry for each row execute function app.touch();
create or replace function app.touch() returns trigger language plpgsql as $$
begin
  if new is not distinct from old then return new; end if;
  new.version := old.version + 1;
  new.updated_at := app.moment();
  return new;
end $$;
