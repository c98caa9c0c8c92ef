-- Clients that show no secret cost nobody anything and are not limited, so a line about one is logged now and then.
INSERT INTO log_limits (event) VALUES ('client-without-secret');
