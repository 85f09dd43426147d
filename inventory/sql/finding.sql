-- name: definitions_named
-- The vehicle definitions with these ids ($1) or model codes ($2).
select id, model_code, make, model, model_year, trim, body_style, drivetrain, fuel_type, transmission
  from vehicle_definition where id = any($1::uuid[]) or model_code = any($2::text[])
 order by id;

-- name: network_state
-- Differs after every change of a location.
select count(*), coalesce(sum(version), 0)::bigint, max(updated_at) from location;

-- name: network
-- Every location with its place in the network.
select id, kind, latitude, longitude, parent_location_id from location order by id;
