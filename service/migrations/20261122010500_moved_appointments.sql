-- migrate:up
set local search_path = public;
set local lock_timeout = '500ms';

alter table appointment add column moved_at timestamptz;

-- migrate:down
alter table appointment drop column moved_at;
