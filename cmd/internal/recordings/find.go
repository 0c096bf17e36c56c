package recordings

import (
	"context"
	"path"
	"slices"
	"strings"
)

// mostFound is how many matches Find returns.
const mostFound = 10

// Find is the recordings that a text names: an ID or its beginning, or a whole path. It
// returns some of them at most, also when more match.
func (m *Machine) Find(ctx context.Context, folders []Folder, text string) (found []Recording, skipped Skipped, err error) {
	clean := path.Clean(text)
	skipped, err = m.Scan(ctx, folders, func(list []Recording) error {
		for i := range list {
			r := &list[i]
			if len(found) < mostFound && (strings.HasPrefix(r.ID, text) || strings.HasPrefix(text, "/") && r.at(clean, folders)) {
				found = append(found, *r)
			}
		}
		return nil
	})
	return found, skipped, err
}

// at reports whether a path is that of a file of the recording, by the name of the folder or
// by where it really is.
func (r *Recording) at(name string, folders []Folder) bool {
	below := path.Dir(r.File)
	return slices.ContainsFunc(r.parts, func(p part) bool {
		return slices.ContainsFunc(folders, func(f Folder) bool {
			return f.Path == r.Folder && (path.Join(f.Path, below, p.name) == name || f.Real != "" && path.Join(f.Real, below, p.name) == name)
		})
	})
}

// FindHolds is the holds whose ID begins with a text.
func FindHolds(holds []Hold, text string) (found []Hold) {
	for _, h := range holds {
		if strings.HasPrefix(h.ID, text) || h.Path() == text {
			found = append(found, h)
		}
	}
	return found
}

// Mark sets the holds of recordings.
func Mark(holds []Hold, list []Recording) {
	h := index(holds)
	for i := range list {
		list[i].Hold = h.of(&list[i])
	}
}
