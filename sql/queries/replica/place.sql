-- How far the primary's log has come: what was committed before is in front of
-- that.  It is the place up to which the log has been flushed, as that is where a
-- standby gets to: an idle primary's next record would begin behind it, such as
-- behind the header of the log's next file.
--
-- reads
-- columns: lsn pg_lsn, timeline integer, cluster bigint
--
-- lsn, timeline, cluster       for replica/check

SELECT lsn,
       ('x' || left(pg_catalog.pg_walfile_name(lsn), 8))::bit(32)::integer
           AS timeline,
       autoflow.cluster_id() AS cluster
  FROM pg_catalog.pg_current_wal_flush_lsn() AS lsn;
