package recordings

import (
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"pbxjail/configs/hint"
)

// Hold keeps a recording until it is released. It knows the recording by its ID, and by more:
// so it stays when a folder gets another name, or FreePBX turns a wav into an mp3.
type Hold struct {
	ID      string    `json:"id"`
	Reason  string    `json:"reason"`
	At      time.Time `json:"at"`
	By      By        `json:"by"`
	Kind    Kind      `json:"kind"`
	Folder  string    `json:"folder"`
	File    string    `json:"file"`
	Date    time.Time `json:"date"`    // of the recording
	Size    int64     `json:"size"`    // of the recording
	Message string    `json:"message"` // of voicemail: see Recording.message; ""
	Inodes  []uint64  `json:"inodes"`  // of its files: they stay when a file is moved within a disk
}

// MostReason is how long a reason may be, in bytes.
const MostReason = 1000

// mostHolds bounds the file of holds.
const mostHolds = 20_000

// newHold is a hold for a recording.
func newHold(r *Recording, reason string, by By, now time.Time) Hold {
	h := Hold{ID: r.ID, Reason: reason, At: now, By: by, Kind: r.Kind, Folder: r.Folder, File: r.File, Date: r.Date, Size: r.Size, Message: r.message}
	for _, p := range r.parts {
		h.Inodes = append(h.Inodes, p.id.ino)
	}
	return h
}

// CheckReason refuses a reason that says nothing.
func CheckReason(reason string) error {
	switch {
	case strings.TrimSpace(reason) == "":
		return hint.New("write why the recording must be kept, such as --reason \"court, file number 12 C 345/26\"", "a hold needs a reason")
	case len(reason) > MostReason || !utf8.ValidString(reason):
		return hint.New("write at most 1000 bytes of text", "the reason is too long, or is not text")
	}
	return nil
}

// leastStem is how long a name must be, without its ending, to tell a call from others.
const leastStem = 8

// held finds the hold of a recording.
type held struct {
	list    []Hold
	byID    map[string]int
	byStem  map[string]int // of calls
	byMsg   map[string]int // of messages
	byInode map[uint64]int
}

func index(list []Hold) *held {
	h := &held{list: list, byID: map[string]int{}, byStem: map[string]int{}, byMsg: map[string]int{}, byInode: map[uint64]int{}}
	for i, one := range list {
		h.byID[one.ID] = i
		if name := stem(one.File); one.Kind == Calls && len(name) >= leastStem {
			h.byStem[name] = i
		}
		if one.Message != "" {
			h.byMsg[one.Message] = i
		}
		for _, n := range one.Inodes {
			h.byInode[n] = i
		}
	}
	return h
}

// of is the hold of a recording; nil: there is none. In doubt a recording is on hold.
func (h *held) of(r *Recording) *Hold {
	if i, ok := h.byID[r.ID]; ok {
		return &h.list[i]
	}
	if i, ok := h.byStem[stem(r.File)]; ok && r.Kind == Calls {
		return &h.list[i]
	}
	if i, ok := h.byMsg[r.message]; ok && r.message != "" {
		return &h.list[i]
	}
	for _, p := range r.parts {
		if i, ok := h.byInode[p.id.ino]; ok && h.list[i].Kind == r.Kind && (r.Kind == Voicemail || h.list[i].Size == r.Size) {
			return &h.list[i]
		}
	}
	return nil
}

// Path is where the recording was when it was put on hold.
func (h *Hold) Path() string { return path.Join(h.Folder, h.File) }

// add puts a recording on hold; one that is on hold already gets one more reason.
func add(list []Hold, h Hold) ([]Hold, error) {
	list = slices.Clone(list)
	if i := slices.IndexFunc(list, func(o Hold) bool { return o.ID == h.ID }); i >= 0 {
		if list[i].Reason == h.Reason {
			return list, nil
		}
		list[i].Reason += "; " + h.Reason
		if len(list[i].Reason) > MostReason {
			return nil, hint.New("write a shorter reason", "the reasons of this recording are longer than 1000 bytes together")
		}
		return list, nil
	}
	if len(list) >= mostHolds {
		return nil, hint.New("release recordings that no court needs any more: jailctl recordings list --held", "there are too many holds")
	}
	return append(list, h), nil
}
