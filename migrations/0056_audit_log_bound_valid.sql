-- Reads the whole audit log, and keeps nobody from reading or writing it meanwhile.
ALTER TABLE audit_log VALIDATE CONSTRAINT audit_log_bound;
