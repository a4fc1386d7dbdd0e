-- Sent to a replica before a statement, in the same transaction: whether it has
-- replayed what the primary had logged at a moment, so that the statement sees all
-- that was committed until then.  From here on the transaction can't write, wherever
-- the connection leads.
--
-- A former primary that goes on without the others, and replicas that follow it,
-- may have come as far on their own: they have no part of the timeline that the
-- primary is on.  The control file knows it from the first restart point on.
--
-- reads
-- columns: problem text, set_config text
--
-- :lsn, :timeline, :cluster        of replica/place
--
-- problem      why the statement's result is of no use, as af_replica_outcome_t
--              names it; null: it isn't

SELECT CASE
           WHEN NOT pg_catalog.pg_is_in_recovery()
                OR autoflow.cluster_id() <> :cluster::bigint
           THEN 'no_standby'
           WHEN (SELECT greatest(timeline_id, min_recovery_end_timeline)
                   FROM pg_catalog.pg_control_checkpoint(),
                        pg_catalog.pg_control_recovery()) <> :timeline::integer
           THEN 'timeline'
           WHEN coalesce(pg_catalog.pg_last_wal_replay_lsn(), '0/0')
                < :lsn::pg_lsn
           THEN 'lags'
       END AS problem,
       set_config('transaction_read_only', 'on', true);
