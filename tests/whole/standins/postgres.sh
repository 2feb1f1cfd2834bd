# As the official image: create the data folder with the owner's password at the first start, then drop root's rights.
set -e
data=/var/lib/postgresql/data
become="setpriv --reuid=postgres --regid=postgres --clear-groups"
chown postgres:postgres "$data" /run/postgresql
if [ ! -s "$data/PG_VERSION" ]; then
  $become initdb -D "$data" -U postgres --encoding=UTF8 --locale=C.UTF-8 --auth-local=trust --auth-host=scram-sha-256 --pwfile="$POSTGRES_PASSWORD_FILE"
  echo "host all all all scram-sha-256" | $become tee -a "$data/pg_hba.conf"
fi
exec $become postgres -D "$data" -h '*'
