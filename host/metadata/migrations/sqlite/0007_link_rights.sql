-- What is known of the user who made a link besides the name, as JSON; null in links from before it was recorded.
ALTER TABLE links ADD COLUMN rights TEXT;
