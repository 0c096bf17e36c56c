package metrics

import "strings"

// Others is the label of all names beyond those that have a label of their own.
const Others = "others"

// names bounds the values of a label: the first names that come keep theirs, as long as the
// daemon runs, and later ones share one. So a counter never changes its label.
type names struct {
	most  int
	known map[string]bool
}

func newNames(most int) *names { return &names{most, map[string]bool{}} }

// label is the value for a name.
func (n *names) label(name string) string {
	if !n.known[name] && len(n.known) >= n.most {
		return Others
	}
	n.known[name] = true
	return strings.ToValidUTF8(name, "?")
}

// sums adds numbers up by label, in the order in which labels come first.
type sums struct {
	names  *names
	order  []string
	values map[string]float64
}

func newSums(n *names) *sums { return &sums{names: n, values: map[string]float64{}} }

func (s *sums) add(name string, n float64) {
	label := s.names.label(name)
	if _, known := s.values[label]; !known {
		s.order = append(s.order, label)
	}
	s.values[label] += n
}
