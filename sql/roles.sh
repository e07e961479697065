#!/bin/sh
# Make a role and a database per application, which docker-compose's PostgreSQL does at its first start.
# A role owns its database and can connect to no other.
set -eu

make_database() {
    ROLE_PASSWORD=$2 psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set name="$1" \
        --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv password ROLE_PASSWORD
CREATE ROLE :"name" LOGIN PASSWORD :'password';
CREATE DATABASE :"name" OWNER :"name" ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

make_database tagkeeper "$TAGKEEPER_DB_PASSWORD"
make_database airflow "$AIRFLOW_DB_PASSWORD"
make_database mlflow "$MLFLOW_DB_PASSWORD"
