package history

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"modernc.org/sqlite"

	"pbxjail/configs/hint"
)

// Archive is an open history. Its methods may be called from any goroutine. Their errors
// carry a hint.
type Archive struct {
	path    string
	writing sync.Mutex   // orders writers
	db      *sql.DB      // of the writer
	reader  *sql.DB      // of questions
	asking  sync.RWMutex // held while a question is answered; an erasure waits for all of them

	known              *dictionary
	shortened, dropped int64 // entries before this time have short addresses, no numbers; owned by the writer
}

const (
	applicationID = 0x70627868 // "pbxh": sqlite.org/fileformat.html 1.3.17
	readers       = 2          // questions at a time
)

// Open opens the history at path, and creates it where it is missing. The caller must Close.
func Open(path string) (*Archive, error) {
	a := &Archive{path: path}
	if err := a.open(); err != nil {
		a.Close()
		return nil, a.explain("open", err)
	}
	return a, nil
}

// Path is where the history is.
func (a *Archive) Path() string { return a.path }

func (a *Archive) open() (err error) {
	f, err := os.OpenFile(a.path, os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if a.db, err = connect(a.path, "&_pragma=secure_delete(on)&_pragma=cache_size(-500)&_txlock=immediate", 1); err != nil {
		return err
	}
	if err := a.prepare(); err != nil {
		return err
	}
	a.reader, err = connect(a.path, "&_pragma=query_only(on)&_pragma=cache_size(-16000)", readers)
	return err
}

// connect opens the file. Deleted content is overwritten (secure_delete), so that what was
// erased is not left in free pages.
func connect(path, more string, most int) (*sql.DB, error) {
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: "_busy_timeout=5000&_synchronous=full&_error_rc=1&_pragma=journal_size_limit(8388608)" + more}
	connector, err := sqlite.NewConnector(dsn.String())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(most)
	return db, nil
}

// schema is version 1. addr has 4 or 16 bytes; at and until are nanoseconds since 1970 UTC.
// what, jail, country, kind, service, evidence, who and ended are words. score is thousandths
// of a point. tried has what the caller tried: accounts, and numbers that it dialled. hours
// are sums of entries; they name no address and no account, and stay when entries go. marks
// say up to which time addresses are short and numbers are gone; held are entries before that
// whose address is long, because their bans still run, or because they came late.
const schema = `
CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE);
CREATE TABLE entries (
	id       INTEGER PRIMARY KEY,
	at       INTEGER NOT NULL,
	until    INTEGER NOT NULL,
	addr     BLOB NOT NULL,
	bits     INTEGER NOT NULL,
	short    INTEGER NOT NULL,
	what     INTEGER NOT NULL,
	jail     INTEGER NOT NULL,
	country  INTEGER NOT NULL,
	asn      INTEGER NOT NULL,
	kind     INTEGER NOT NULL,
	service  INTEGER NOT NULL,
	evidence INTEGER NOT NULL,
	strike   INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	score    INTEGER NOT NULL,
	who      INTEGER NOT NULL,
	ended    INTEGER NOT NULL
);
CREATE INDEX entries_addr ON entries (addr, at);
CREATE INDEX entries_at ON entries (at);
CREATE TABLE tried (
	entry  INTEGER NOT NULL,
	number INTEGER NOT NULL,
	name   BLOB NOT NULL,
	PRIMARY KEY (entry, number, name)
) WITHOUT ROWID;
CREATE INDEX tried_name ON tried (number, name);
CREATE TABLE hours (
	hour     INTEGER NOT NULL,
	jail     INTEGER NOT NULL,
	country  INTEGER NOT NULL,
	kind     INTEGER NOT NULL,
	what     INTEGER NOT NULL,
	entries  INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	PRIMARY KEY (hour, jail, country, kind, what)
) WITHOUT ROWID;
CREATE TABLE held (entry INTEGER PRIMARY KEY);
CREATE TABLE marks (name TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO marks VALUES ('shortened', -9223372036854775808), ('numbers', -9223372036854775808);
`

const version = 1

// prepare checks that the file is ours, and makes its schema.
func (a *Archive) prepare() error {
	var id, found, tables int
	for question, answer := range map[string]*int{"PRAGMA application_id": &id, "PRAGMA user_version": &found, "SELECT count(*) FROM sqlite_schema": &tables} {
		if err := a.db.QueryRow(question).Scan(answer); err != nil {
			return err
		}
	}
	fresh := id == 0 && found == 0 && tables == 0
	switch {
	case fresh:
		// Pages that are free go back to the disk a few at a time.
		if _, err := a.db.Exec("PRAGMA auto_vacuum = incremental"); err != nil {
			return err
		}
	case id != applicationID:
		return hint.New(a.newHistory("to begin a new history, and keep this file"), "this is a database of another program")
	case found > version:
		return hint.New("install the newer version of pbxjail again. Or, "+a.newHistory("to begin a new history, and keep this file"), fmt.Sprintf("a newer version of pbxjail made this history (version %d of the file, this pbxjail knows %d)", found, version))
	}
	if _, err := a.db.Exec("PRAGMA journal_mode = wal"); err != nil {
		return err
	}
	if fresh {
		err := a.write("create", func(tx *sql.Tx) error {
			_, err := tx.Exec(schema + fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", applicationID, version))
			return err
		})
		if err != nil {
			return err
		}
	}
	return a.load()
}

// load reads the words and the marks.
func (a *Archive) load() (err error) {
	if a.known, err = loadWords(a.db); err != nil {
		return err
	}
	for name, mark := range map[string]*int64{"shortened": &a.shortened, "numbers": &a.dropped} {
		if err := a.db.QueryRow("SELECT at FROM marks WHERE name = ?", name).Scan(mark); err != nil {
			return err
		}
	}
	return nil
}

// Close gives the file up. It waits for a question that is being answered.
func (a *Archive) Close() (err error) {
	a.writing.Lock()
	defer a.writing.Unlock()
	for _, db := range []*sql.DB{a.reader, a.db} {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
	}
	return err
}

// write runs do in one transaction. It is for writers, one at a time.
func (a *Archive) write(doing string, do func(tx *sql.Tx) error) error {
	tx, err := a.db.Begin()
	if err != nil {
		return a.explain(doing, err)
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback() // SQLite may have done it already
		return a.explain(doing, err)
	}
	return a.explain(doing, tx.Commit())
}

// patience is how long a question may take.
const patience = 25 * time.Second

// ask calls each with every row of an answer.
func (a *Archive) ask(each func(row *sql.Rows) error, text string, args ...any) error {
	a.asking.RLock()
	defer a.asking.RUnlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	rows, err := a.reader.QueryContext(ctx, text, args...)
	if err == nil {
		defer rows.Close()
		for err == nil && rows.Next() {
			err = each(rows)
		}
		err = errors.Join(err, rows.Err())
	}
	if ctx.Err() != nil {
		return hint.Errorf("ask for a shorter time, such as jailctl history --since 7d", "the search in the history took longer than %s, and was stopped", patience)
	}
	return a.explain("read", err)
}

// newHistory is how to begin a new history: why, and the commands.
func (a *Archive) newHistory(why string) string {
	return why + ": mv " + a.path + " " + a.path + ".old; systemctl restart pbxjail. Bans stay in force"
}

// explain adds to err what was being done, and a hint.
func (a *Archive) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("cannot %s history %s: %w", doing, a.path, err)
	if hint.Of(err) != "" {
		return err
	}
	folder := filepath.Dir(a.path)
	return hint.Add("check the space on the disk: df -h "+folder+"; and the folder: ls -ld "+folder+". If the history is damaged, "+a.newHistory("to begin a new one"), err)
}
