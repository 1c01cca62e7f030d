-- What a link gives beside a file to save, a number of times, as JSON; null in links from before there was a choice.
ALTER TABLE links ADD COLUMN options TEXT;
