-- What a recall reads of a user besides candidates; both hold few rows, and building them reads the memories once.

-- Plans by the day on which they are due: dates are text that sorts as the days do.
CREATE INDEX memories_planned ON memories (project_id, user_id, event_time COLLATE "C")
    WHERE type = 'foresight' AND status = 'active';

-- Birthdays that words of a question may refer to.
CREATE INDEX memories_birthdays ON memories (project_id, user_id) WHERE attribute = 'birthday' AND status = 'active';
