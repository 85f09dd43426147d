-- name: attribute_definitions
-- Codes of the attribute catalogue with the days from which and until which they hold.
select code, available_from_on, discontinued_on from attribute_definition order by code;
