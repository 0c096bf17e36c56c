package daemon

import (
	"pbxjail/cmd/internal/control"
	"pbxjail/configs/hint"
)

// Feeds lists the feeds in the order of the main file.
func (b *backend) Feeds() (list []control.Feed) {
	for _, s := range b.feeds.Status() {
		f := control.Feed{
			Name: s.Name, Source: s.Source, Use: s.Use, Factor: s.Factor, Enabled: s.Enabled,
			Fetched: control.Moment(s.Fetched), Checked: control.Moment(s.Checked), Next: control.Moment(s.Next),
			InKernel: s.Held, Protected: s.Taken,
		}
		if !b.drops() { // they are kept for when it is switched on
			f.InKernel = 0
		}
		if s.List != nil {
			f.Format, f.Entries, f.Masked, f.Dropped, f.Refused = s.List.Format, s.List.Entries, s.List.Masked, s.List.Dropped, s.List.Refused
			for _, n := range s.List.Notes {
				f.Notes = append(f.Notes, control.FeedNote(n))
			}
		}
		if s.Problem != nil {
			f.Problem, f.Hint = s.Problem.Error(), hint.Of(s.Problem)
		}
		list = append(list, f)
	}
	return list
}

// feedHint adds to a hint where the feed is set.
func (b *backend) feedHint(name, todo string) string {
	if b.main.file == "" {
		return todo
	}
	where := "feed " + name + " is set in " + b.main.file
	if todo == "" {
		return where
	}
	return todo + "; " + where
}

// feedProblems are those of the feeds, for status.
func (b *backend) feedProblems() (list []control.Problem) {
	for _, s := range b.feeds.Status() {
		if s.Problem != nil {
			list = append(list, control.Problem{About: control.AboutFeed + s.Name, What: "feed " + s.Name + ": " + s.Problem.Error(), Hint: b.feedHint(s.Name, hint.Of(s.Problem))})
		}
	}
	return list
}
