package recordings

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// Survey is what there is in one folder: counts, and no names.
type Survey struct {
	Folder
	Count      int        `json:"count"`
	Bytes      int64      `json:"bytes"`
	Oldest     time.Time  `json:"oldest,omitzero"`
	Newest     time.Time  `json:"newest,omitzero"`
	Late       int        `json:"late"`       // older than the policy says, and not on hold
	Future     int        `json:"future"`     // with a date in the future: expire never deletes them
	Held       int        `json:"held"`       // on hold
	Ages       []int      `json:"ages"`       // how many, by AgeLimits
	Everyone   []string   `json:"everyone"`   // IDs of some that every user of the machine can read
	Public     int        `json:"public"`     // how many those are
	Readers    []Readers  `json:"readers"`    // the most frequent first
	Encryption Encryption `json:"encryption"` // of the disk
}

// Readers are recordings with the same mode and owner.
type Readers struct {
	Mode  string `json:"mode"`
	UID   uint32 `json:"uid"`
	GID   uint32 `json:"gid"`
	Count int    `json:"count"`
}

// AgeLimits are the ages up to which Survey.Ages counts; the last of Ages is above all.
var AgeLimits = [...]time.Duration{30 * 24 * time.Hour, 90 * 24 * time.Hour, 180 * 24 * time.Hour, 365 * 24 * time.Hour, 3 * 365 * 24 * time.Hour}

const (
	mostReaders  = 20
	mostExamples = 5
)

// Look looks at all folders. gone are the holds without a recording.
func (m *Machine) Look(ctx context.Context, p Policy, folders []Folder, holds []Hold) (list []Survey, gone []Hold, skipped Skipped, err error) {
	at, found := map[string]int{}, map[string]bool{}
	for i, f := range folders {
		s := Survey{Folder: f, Ages: make([]int, len(AgeLimits)+1), Everyone: []string{}, Readers: []Readers{}, Encryption: Encryption{State: CannotTell}}
		if f.Err == nil {
			s.Encryption = m.encryption(&f)
		}
		list, at[f.Path] = append(list, s), i
	}
	h := index(holds)
	skipped, err = m.Scan(ctx, folders, func(some []Recording) error {
		for i := range some {
			r := &some[i]
			if r.Hold = h.of(r); r.Hold != nil {
				found[r.Hold.ID] = true
			}
			list[at[r.Folder]].count(r, p.keep(r.Kind), m.Now)
		}
		return nil
	})
	for i := range list {
		slices.SortFunc(list[i].Readers, func(a, b Readers) int {
			return cmp.Or(b.Count-a.Count, cmp.Compare(a.Mode, b.Mode), cmp.Compare(a.UID, b.UID), cmp.Compare(a.GID, b.GID))
		})
	}
	for _, one := range holds {
		if !found[one.ID] {
			gone = append(gone, one)
		}
	}
	return list, gone, skipped, err
}

// count adds a recording.
func (s *Survey) count(r *Recording, keep time.Duration, now time.Time) {
	s.Count++
	s.Bytes += r.Size
	if s.Oldest.IsZero() || r.Date.Before(s.Oldest) {
		s.Oldest = r.Date
	}
	if r.Date.After(s.Newest) {
		s.Newest = r.Date
	}
	age := r.Age(now)
	switch {
	case r.Date.After(now.Add(ahead)):
		s.Future++
	case r.Hold == nil && keep > 0 && age > keep:
		s.Late++
	}
	if r.Hold != nil {
		s.Held++
	}
	i := 0
	for i < len(AgeLimits) && age > AgeLimits[i] {
		i++
	}
	s.Ages[i]++
	if r.Everyone {
		if s.Public++; len(s.Everyone) < mostExamples {
			s.Everyone = append(s.Everyone, r.ID)
		}
	}
	n := slices.IndexFunc(s.Readers, func(o Readers) bool { return o.Mode == r.Mode && o.UID == r.UID && o.GID == r.GID })
	switch {
	case n >= 0:
		s.Readers[n].Count++
	case len(s.Readers) < mostReaders:
		s.Readers = append(s.Readers, Readers{r.Mode, r.UID, r.GID, 1})
	}
}
