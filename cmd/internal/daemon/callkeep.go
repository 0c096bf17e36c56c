package daemon

import (
	"log/slog"
	"sync"

	"pbxjail/configs/hint"
	"pbxjail/jails/calls"
	"pbxjail/jails/store"
)

// callKeeper writes into the database what is known of calls. It is apart from callWatch, because
// it waits for the disk. Its methods may be called from any goroutine.
type callKeeper struct {
	log   *slog.Logger
	store *store.Store
	news  func(all bool) callNews // takes what the database does not know yet; set before use
	again func(callNews)          // takes back what could not be saved; set before use

	writing sync.Mutex // orders what is written and erased; taken before the mu of callWatch

	mu      sync.Mutex
	problem error // why something could not be saved; guarded by mu
}

// callNews is what the database does not know yet.
type callNews struct {
	cases     map[string]*calls.Case // by account; nil: its case is closed
	countries []calls.Country
	counts    []calls.Saved
}

// save writes what is new; all: counts too, which are written from time to time.
func (k *callKeeper) save(all bool) error {
	k.writing.Lock()
	defer k.writing.Unlock()
	news := k.news(all)
	err := k.write(&news)
	if err != nil {
		k.again(news)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil && k.problem == nil {
		k.log.Error("what pbxjail knows of calls cannot be saved: pbxjail tries again", "err", err, "hint", hint.Of(err))
	}
	k.problem = err
	return err
}

// write writes what is new, and takes out of it what was written.
func (k *callKeeper) write(news *callNews) error {
	for account, c := range news.cases {
		var err error
		if c == nil {
			err = k.store.DropStolen(account)
		} else {
			err = k.store.SaveStolen(c)
		}
		if err != nil {
			return err
		}
		delete(news.cases, account)
	}
	if len(news.countries) > 0 {
		if err := k.store.SaveCalled(news.countries); err != nil {
			return err
		}
		news.countries = nil
	}
	if len(news.counts) > 0 {
		if err := k.store.SaveCounted(news.counts); err != nil {
			return err
		}
		news.counts = nil
	}
	return nil
}

// trouble is why something is not saved yet; nil: all is.
func (k *callKeeper) trouble() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.problem
}
