package recordings

import (
	"io"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// message is a voicemail message: all files of one number.
func (s *scan) message(at here, name string, list []part, closed bool) Recording {
	r := Recording{Kind: Voicemail, Folder: at.folder.Path, File: path.Join(at.rel, list[0].name), parts: list}
	mode := uint32(0)
	for _, p := range list {
		r.Size += p.size
		mode |= p.mode
		if p.mtime.After(r.Date) {
			r.Date = p.mtime
		}
	}
	r.UID, r.GID = list[0].uid, list[0].gid
	r.Mode, r.Everyone = modeText(mode), !closed && mode&0o004 != 0
	identity := path.Join(at.rel, name)
	if i := slices.IndexFunc(list, func(p part) bool { return p.name == name+".txt" }); i >= 0 {
		r.File = path.Join(at.rel, list[i].name)
		text := readMessage(at.fd, list[i])
		if text.origtime.After(r.Date) {
			r.Date = text.origtime
		}
		r.caller = text.caller
		if text.id != "" {
			r.message = text.id
			identity = mailbox(at.rel) + "\x00" + text.id
		}
	}
	r.ID = idOf(identity)
	return r
}

// mailbox is CONTEXT/MAILBOX of CONTEXT/MAILBOX/FOLDER: a message is moved from one folder
// of a mailbox to another one.
func mailbox(rel string) string { return path.Dir(rel) }

// messageText is what the text of a message says.
type messageText struct {
	caller   string
	origtime time.Time
	id       string // msg_id, or what else tells messages apart; ""
}

// mostText bounds the text of a message. Asterisk writes some hundred bytes.
const mostText = 16 << 10

// readMessage reads the text of a message: asterisk:apps/app_voicemail.c, leave_voicemail.
// What is not there stays empty.
func readMessage(fd int, p part) (t messageText) {
	file, err := unix.Openat(fd, p.name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return t
	}
	f := os.NewFile(uintptr(file), p.name)
	defer f.Close()
	var st unix.Stat_t
	if unix.Fstat(file, &st) != nil || keyOf(&st) != p.id { // another file is there by now
		return t
	}
	text, err := io.ReadAll(io.LimitReader(f, mostText))
	if err != nil {
		return t
	}
	return parseMessage(string(text))
}

func parseMessage(text string) (t messageText) {
	origtime := ""
	for line := range strings.Lines(text) {
		key, value, found := strings.Cut(strings.TrimSpace(line), "=")
		if !found {
			continue
		}
		switch key {
		case "callerid":
			t.caller = value
		case "msg_id":
			t.id = value
		case "origtime":
			if n, err := strconv.ParseInt(value, 10, 64); err == nil && n > 0 && n < 1<<40 {
				origtime, t.origtime = value, bounded(time.Unix(n, 0))
			}
		}
	}
	if t.id == "" && origtime != "" {
		t.id = origtime + " " + t.caller
	}
	return t
}
