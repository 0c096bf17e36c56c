package feeds

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"pbxjail/configs"
	"pbxjail/configs/show"
)

// copyHead begins each copy on disk. After it come lines "# key: value" for source,
// fetched, etag and modified, and then the prefixes: a feed in the text format. When
// the source last confirmed it is the time of the file.
const copyHead = "# pbxjail feed copy, version 1\n"

// sourceOf is a hash of the source of a feed, because the source itself may hold a key.
// A copy of another source, or one that was read otherwise, is not this feed's.
func sourceOf(c configs.Feed) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(c.URL+"\n"+c.File+"\n"+c.Format)))
}

func (f *Feeds) path(name string) string { return filepath.Join(f.opts.Dir, name+".list") }

// save writes the copy of a feed: whole, or not at all.
func (f *Feeds) save(c configs.Feed, got answer, now time.Time) error {
	var b bytes.Buffer
	b.WriteString(copyHead)
	fmt.Fprintf(&b, "# source: %s\n# fetched: %s\n# format: %s\n", sourceOf(c), now.UTC().Format(time.RFC3339), got.list.Format)
	fmt.Fprintf(&b, "# etag: %s\n# modified: %s\n", show.Quoted(got.tag.etag, maxTag), show.Quoted(got.tag.modified, maxTag))
	for _, p := range got.list.Prefixes {
		b.Write(p.AppendTo(b.AvailableBuffer()))
		b.WriteByte('\n')
	}
	if err := os.MkdirAll(f.opts.Dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(f.opts.Dir, "."+c.Name+"-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // when it has not become the copy
	_, err = temp.Write(b.Bytes())
	if err = errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), f.path(c.Name))
}

// touch notes on disk that the copy is as fresh as can be. Where that fails the
// next start asks early.
func (f *Feeds) touch(c configs.Feed, now time.Time) {
	if c.URL != "" {
		os.Chtimes(f.path(c.Name), now, now)
	}
}

// load makes a feed from its copy on disk, where there is a sound one.
func (f *Feeds) load(c configs.Feed) *feed {
	s := &feed{Feed: c}
	file, err := os.Open(f.path(c.Name))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			f.opts.Log.Warn("pbxjail cannot read its copy of a feed on the disk, and fetches the feed again; until then this feed does nothing", "feed", c.Name, "err", err)
		}
		return s
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return s
	}
	in := bufio.NewReader(file)
	keys, ok := readHead(in)
	if !ok || keys["source"] != sourceOf(c) {
		return s
	}
	list, err := Parse(in, "text", c.MaxEntries)
	if err != nil || list.Refused > 0 {
		f.opts.Log.Warn("the copy of a feed on the disk is damaged. pbxjail fetches the feed again; until then this feed does nothing", "feed", c.Name, "err", err)
		return s
	}
	list.Format = keys["format"]
	s.list, s.table, s.checked = list, tableOf(list.Prefixes), info.ModTime()
	s.fetched, _ = time.Parse(time.RFC3339, keys["fetched"])
	s.tag.etag, _ = strconv.Unquote(keys["etag"])
	s.tag.modified, _ = strconv.Unquote(keys["modified"])
	if c.URL != "" && !s.checked.After(time.Now()) { // else the clock was set back, and it is asked at once
		s.next = s.checked.Add(s.wait(c.Interval))
	}
	return s
}

// readHead reads the lines before the prefixes.
func readHead(in *bufio.Reader) (keys map[string]string, ok bool) {
	if first, err := in.ReadString('\n'); err != nil || first != copyHead {
		return nil, false
	}
	keys = map[string]string{}
	for {
		if mark, err := in.Peek(1); err != nil || mark[0] != '#' || len(keys) > 8 {
			return keys, err == nil
		}
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, false
		}
		key, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "# "), ": ")
		keys[key] = value
	}
}

// sweep removes copies of feeds that are no more, and notes which lists a former
// run may have left in the kernel. mu is held.
func (f *Feeds) sweep() {
	wanted := map[string]bool{}
	for _, s := range f.feeds {
		wanted[s.Name] = true
	}
	paths, _ := filepath.Glob(filepath.Join(f.opts.Dir, "*.list"))
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".list")
		if f.opts.Enforcer != nil {
			f.left = append(f.left, name)
		}
		if !wanted[name] {
			if err := os.Remove(path); err != nil {
				f.opts.Log.Warn("pbxjail cannot delete its copy of a feed that is no longer in the main file; this does no harm", "feed", name, "err", err)
			}
		}
	}
}
