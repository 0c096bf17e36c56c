package store

import (
	"database/sql"
	"errors"
	"fmt"

	"pbxjail/configs/hint"
)

// applicationID marks a file as ours, in the header of every SQLite file
// (sqlite.org/fileformat.html 1.3.17): the letters "pbxj".
const applicationID = 0x7062786a

// migrations make the schema; the file's user_version says how many have run.
// Each runs in a transaction, so a failed upgrade leaves the old file as it was
// and no copies. Append only.
//
// A ban is known by prefix, jail and since. until is when it is over, forever
// for never; ended_by says who cut it short or, when it was over, forgave it. sum is
// how its points add up and factors what made those of a line, both JSON. most is the
// longest that a ban may be, in nanoseconds, witness who wrote a line, and packets what
// the witnesses of packets say of it. homes are the accounts that log in from an address,
// alarms those whose password may be guessed; a mark says when something was. observed is
// 1 for a ban that was decided while nothing was dropped. off has a row while pbxjail is
// switched off. moments are what happened to a prefix and matters for a while. counts are
// what led to no ban yet at the last clean stop, as JSON of package jails. audit is who gave
// which command; claimed is 1 where ssh is what the caller itself says. unfiled names what the
// history (package history) does not have yet: a ban that is new or changed, or an alarm.
// closed are the sets of ports that bans close, and until when at the latest: a start needs
// them before it has read the bans. called are the countries that accounts have called, and
// stolen the accounts at a critical limit of calls, as JSON of package calls; filed is 0 for one
// that the history does not have. last is when a country was called last, and counted what was
// counted of an account within a day, as JSON of package calls.
var migrations = [...]string{`
CREATE TABLE bans (
	id       INTEGER PRIMARY KEY,
	prefix   TEXT NOT NULL,
	jail     TEXT NOT NULL,
	since    INTEGER NOT NULL,
	until    INTEGER NOT NULL,
	strike   INTEGER NOT NULL,
	evidence TEXT NOT NULL,
	who      TEXT NOT NULL,
	reason   TEXT NOT NULL,
	ended_by TEXT,
	UNIQUE (prefix, jail, since)
);
CREATE INDEX bans_until ON bans (until);
CREATE TABLE lines (
	ban    INTEGER NOT NULL REFERENCES bans ON DELETE CASCADE,
	n      INTEGER NOT NULL,
	time   INTEGER NOT NULL,
	rule   TEXT NOT NULL,
	points INTEGER NOT NULL,
	file   TEXT NOT NULL,
	text   BLOB NOT NULL,
	PRIMARY KEY (ban, n)
) WITHOUT ROWID;
CREATE TABLE positions (
	file  TEXT PRIMARY KEY,
	place BLOB NOT NULL,
	saved INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE audit (
	id   INTEGER PRIMARY KEY,
	at   INTEGER NOT NULL,
	who  TEXT NOT NULL,
	what TEXT NOT NULL
);
`, `
ALTER TABLE bans ADD COLUMN sum TEXT;
ALTER TABLE lines ADD COLUMN base INTEGER;
ALTER TABLE lines ADD COLUMN counts INTEGER;
ALTER TABLE lines ADD COLUMN factors TEXT;
ALTER TABLE lines ADD COLUMN evidence TEXT;
`, `
ALTER TABLE bans ADD COLUMN most INTEGER;
ALTER TABLE lines ADD COLUMN witness TEXT;
ALTER TABLE lines ADD COLUMN packets TEXT;
`, `
CREATE TABLE homes (
	addr    TEXT NOT NULL,
	account BLOB NOT NULL,
	service TEXT NOT NULL,
	latest  TEXT NOT NULL,
	witness TEXT NOT NULL,
	first   INTEGER NOT NULL,
	last    INTEGER NOT NULL,
	times   INTEGER NOT NULL,
	PRIMARY KEY (addr, account, service)
) WITHOUT ROWID;
CREATE INDEX homes_last ON homes (last);
CREATE TABLE alarms (
	addr    TEXT NOT NULL,
	account BLOB NOT NULL,
	service TEXT NOT NULL,
	guesses INTEGER NOT NULL,
	at      INTEGER NOT NULL,
	PRIMARY KEY (addr, account, service)
) WITHOUT ROWID;
CREATE TABLE marks (
	name TEXT PRIMARY KEY,
	at   INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO marks VALUES ('born', CAST(strftime('%s', 'now') AS INTEGER) * 1000000000);
`, `
CREATE TABLE allowed (
	what  TEXT PRIMARY KEY,
	since INTEGER NOT NULL,
	until INTEGER NOT NULL,
	note  TEXT NOT NULL,
	who   TEXT NOT NULL
) WITHOUT ROWID;
`, `
ALTER TABLE bans ADD COLUMN ports TEXT;
`, `
ALTER TABLE bans ADD COLUMN observed INTEGER NOT NULL DEFAULT 0;
CREATE TABLE off (
	id    INTEGER PRIMARY KEY CHECK (id = 1),
	since INTEGER NOT NULL,
	until INTEGER NOT NULL,
	who   TEXT NOT NULL
);
`, `
CREATE TABLE moments (
	kind   TEXT NOT NULL,
	prefix TEXT NOT NULL,
	at     INTEGER NOT NULL,
	until  INTEGER NOT NULL,
	why    TEXT NOT NULL,
	PRIMARY KEY (kind, prefix)
) WITHOUT ROWID;
`, `
CREATE TABLE counts (
	id    INTEGER PRIMARY KEY CHECK (id = 1),
	saved INTEGER NOT NULL,
	data  BLOB NOT NULL
);
`, `
ALTER TABLE audit ADD COLUMN verb TEXT;
ALTER TABLE audit ADD COLUMN uid INTEGER;
ALTER TABLE audit ADD COLUMN user TEXT;
ALTER TABLE audit ADD COLUMN login TEXT;
ALTER TABLE audit ADD COLUMN pid INTEGER;
ALTER TABLE audit ADD COLUMN ssh TEXT;
ALTER TABLE audit ADD COLUMN claimed INTEGER;
ALTER TABLE audit ADD COLUMN refused TEXT;
`, `
ALTER TABLE lines ADD COLUMN kind TEXT;
ALTER TABLE lines ADD COLUMN service TEXT;
ALTER TABLE lines ADD COLUMN account BLOB;
ALTER TABLE lines ADD COLUMN number BLOB;
CREATE TABLE unfiled (
	n       INTEGER PRIMARY KEY AUTOINCREMENT,
	ban     INTEGER,
	addr    TEXT,
	account BLOB,
	service TEXT,
	guesses INTEGER,
	at      INTEGER
);
INSERT INTO unfiled (ban) SELECT id FROM bans ORDER BY id;
INSERT INTO unfiled (addr, account, service, guesses, at) SELECT addr, account, service, guesses, at FROM alarms;
CREATE TRIGGER bans_new AFTER INSERT ON bans BEGIN INSERT INTO unfiled (ban) VALUES (new.id); END;
CREATE TRIGGER bans_changed AFTER UPDATE ON bans BEGIN INSERT INTO unfiled (ban) VALUES (new.id); END;
CREATE TRIGGER alarms_new AFTER INSERT ON alarms BEGIN
	INSERT INTO unfiled (addr, account, service, guesses, at) VALUES (new.addr, new.account, new.service, new.guesses, new.at);
END;
`, `
CREATE TABLE closed (
	ports TEXT PRIMARY KEY,
	until INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO closed SELECT coalesce(ports, ''), max(until) FROM bans WHERE ended_by IS NULL GROUP BY 1;
`, `
CREATE TABLE called (
	account BLOB NOT NULL,
	country TEXT NOT NULL,
	first   INTEGER NOT NULL,
	PRIMARY KEY (account, country)
) WITHOUT ROWID;
CREATE TABLE stolen (
	account BLOB PRIMARY KEY,
	at      INTEGER NOT NULL,
	data    BLOB NOT NULL,
	filed   INTEGER NOT NULL
) WITHOUT ROWID;
`, `
ALTER TABLE called ADD COLUMN last INTEGER NOT NULL DEFAULT 0;
UPDATE called SET last = first;
CREATE TABLE counted (
	account BLOB PRIMARY KEY,
	at      INTEGER NOT NULL,
	data    BLOB NOT NULL
) WITHOUT ROWID;
`}

// prepare checks that the file is a sound ledger of ours and brings its schema
// up to date. It changes nothing in a file that is not ours.
func (s *Store) prepare() (created bool, err error) {
	var id, version, tables int
	for question, answer := range map[string]*int{
		"PRAGMA application_id": &id, "PRAGMA user_version": &version, "SELECT count(*) FROM sqlite_schema": &tables,
	} {
		if err := s.db.QueryRow(question).Scan(answer); err != nil {
			return false, err
		}
	}
	created = id == 0 && version == 0 && tables == 0
	switch {
	case created:
	case id != applicationID:
		return false, hint.New("write another path into the main file, such as database: /var/lib/pbxjail/pbxjail.db; then: systemctl restart pbxjail", "this is a database of another program")
	case version > len(migrations):
		return false, hint.Errorf("install the newer version of pbxjail again. Or start with an empty database: mv "+s.path+" "+s.path+".old; systemctl restart pbxjail (pbxjail keeps the bans of the firewall)", "a newer version of pbxjail made this database (version %d of the file, this pbxjail knows %d)", version, len(migrations))
	}
	if err := s.checkBefore(version); err != nil {
		return false, err
	}
	if _, err := s.db.Exec("PRAGMA journal_mode = wal"); err != nil {
		return false, err
	}
	return created, s.migrate(version)
}

// checkBefore checks the small tables, or all when there is something to migrate. The
// others can be large.
func (s *Store) checkBefore(version int) error {
	if version != len(migrations) {
		return s.check()
	}
	rows, err := s.db.Query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('bans', 'lines', 'audit', 'unfiled')")
	if err != nil {
		return err
	}
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return err
		}
		tables = append(tables, name)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for _, name := range tables {
		if err := s.sound("PRAGMA quick_check('" + name + "')"); err != nil {
			return err
		}
	}
	return nil
}

// check looks for damage that SQLite would otherwise find later, in the middle of a write.
// It reads the whole file, which the limits keep small.
func (s *Store) check() error { return s.sound("PRAGMA quick_check(1)") }

// sound asks for a check, whose answer is "ok", or one or more rows that say what is wrong.
func (s *Store) sound(question string) error {
	var found string
	if err := s.db.QueryRow(question).Scan(&found); err != nil {
		return err
	}
	if found != "ok" {
		return fmt.Errorf("%w: %q", errDamaged, found)
	}
	return nil
}

func (s *Store) migrate(version int) error {
	if version == len(migrations) {
		return nil
	}
	return s.write("migrate", func(tx *sql.Tx) error {
		for _, step := range migrations[version:] {
			if _, err := tx.Exec(step); err != nil {
				return err
			}
		}
		_, err := tx.Exec(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, len(migrations)))
		return err
	})
}
