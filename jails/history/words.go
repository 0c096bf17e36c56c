package history

import (
	"database/sql"
	"maps"
	"sync"
)

// mostWords bounds the words of the file. There are some hundred: jails, countries, kinds,
// users. Beyond the bound a new word is written as manyWords.
const (
	mostWords = 20_000
	manyWords = "other"
	maxWord   = 256 // bytes; what is longer is cut
)

// dictionary numbers words. Its methods may be called from any goroutine.
type dictionary struct {
	mu    sync.RWMutex
	ids   map[string]int64 // guarded by mu
	words map[int64]string // guarded by mu
}

func loadWords(db *sql.DB) (*dictionary, error) {
	d := &dictionary{ids: map[string]int64{}, words: map[int64]string{}}
	rows, err := db.Query("SELECT id, word FROM words")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var word string
		if err := rows.Scan(&id, &word); err != nil {
			return nil, err
		}
		d.ids[word], d.words[id] = id, word
	}
	return d, rows.Err()
}

// word is the word with a number; 0 is "".
func (d *dictionary) word(id int64) string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.words[id]
}

// find is the number of a word; ok is false when the file has no such word.
func (d *dictionary) find(word string) (id int64, ok bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	id, ok = d.ids[word]
	return id, ok || word == ""
}

// put is the number of a word, which is written where it is new. The transaction must end
// well, or forget must be called.
func (d *dictionary) put(tx *sql.Tx, word string) (int64, error) {
	word = word[:min(len(word), maxWord)]
	if id, ok := d.find(word); ok {
		return id, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.ids) >= mostWords {
		word = manyWords
		if id, ok := d.ids[word]; ok {
			return id, nil
		}
	}
	result, err := tx.Exec("INSERT INTO words (word) VALUES (?)", word)
	if err != nil {
		return 0, err
	}
	id, err := result.LastInsertId()
	if err == nil {
		d.ids[word], d.words[id] = id, word
	}
	return id, err
}

// forget takes over what the file has, after a transaction that failed.
func (d *dictionary) forget(db *sql.DB) error {
	fresh, err := loadWords(db)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ids, d.words = fresh.ids, fresh.words
	return nil
}

// all are the words by number.
func (d *dictionary) all() map[int64]string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return maps.Clone(d.words)
}
