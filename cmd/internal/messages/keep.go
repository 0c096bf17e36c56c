package messages

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"pbxjail/configs/hint"
)

// maxKept bounds the file: what waits in all channels is smaller.
const maxKept = 16 << 20

// readKept reads what a run before could not send. A file that is not there has nothing.
func readKept(path string) (map[string]kept, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, hint.Add(hint.Readable(path)+"; or delete the file, and the messages in the file: rm "+path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxKept))
	list := map[string]kept{}
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	if err != nil {
		return nil, hint.Errorf("nothing needs to be done: pbxjail writes this file again. To see the alarms: jailctl list", "the file of unsent messages is damaged: %w", err)
	}
	for name, k := range list {
		list[name] = kept{k.Urgent.bounded(), k.Digest.bounded()}
	}
	return list, nil
}

// bounded is a lane of the file with the bounds of a lane here.
func (l *lane) bounded() lane {
	b := lane{ID: l.ID, First: l.First, Bans: l.Bans, Dropped: l.Dropped, Lost: l.Lost}
	if b.Bans != nil && (b.Bans.Jails == nil || b.Bans.Countries == nil) {
		b.Bans = nil
	}
	for _, i := range l.Items {
		i.What, i.Hint = cut(i.What), cut(i.Hint)
		b.keep(i)
	}
	return b
}

// keepFile writes the file when an attempt to send has ended.
func (p *Post) keepFile(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.keep:
			if err := p.save(false); err != nil {
				p.opts.Log.Debug("messages that wait could not be saved", "err", err)
			}
		}
	}
}

// Save writes what waits to the file, for the next run. Call it at the end, when no event
// comes any more.
func (p *Post) Save() error { return p.save(true) }

// save writes what waits; without whole only that of channels that fail, because what is
// sent within a moment needs no file.
func (p *Post) save(whole bool) error {
	if p.opts.File == "" {
		return nil
	}
	p.saving.Lock()
	defer p.saving.Unlock()
	list := map[string]kept{}
	p.mu.Lock()
	for name, k := range p.before { // of channels that are switched off now
		list[name] = k
	}
	for _, c := range p.channels {
		if whole || c.state().Fails > 0 {
			if k := c.waits(); !k.Urgent.empty() || !k.Digest.empty() {
				list[c.name()] = k
			}
		}
	}
	p.mu.Unlock()
	if len(list) == 0 {
		if err := os.Remove(p.opts.File); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	data, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return replace(p.opts.File, data)
}

// unsaved is the error of a file of unsent messages that cannot be written.
func unsaved(path string, err error) error {
	return hint.Errorf("see if the disk is full: df -h "+filepath.Dir(path)+"; and the rights of the folder: ls -ld "+filepath.Dir(path)+". Until then, a restart of pbxjail loses the unsent messages", "the unsent messages could not be saved: %w", hint.Cannot(err))
}

// replace writes a file in one step, so that a crash leaves the old one or the new one.
func replace(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return unsaved(path, err)
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
			err = unsaved(path, err)
		}
	}()
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
