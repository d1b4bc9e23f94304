-- What came in when: sets by the time at which they were made, with what they have.
CREATE INDEX set_fact_created ON set_fact (created, kind, jobs, documents, items, pages, sheets, records, id);
