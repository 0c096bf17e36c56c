package fail2ban

import (
	"errors"
	"regexp"
	"strings"

	"pbxjail/configs/hint"
)

var (
	errDeep = errors.New("a value in the files of fail2ban names itself, perhaps through other values")

	named = regexp.MustCompile(`%\(([^)]+)\)s|%%`)
	tag   = regexp.MustCompile(`<([\w/.-]+)>`)
)

// value is a setting of a section with each %(name)s put in: from the section, from
// [DEFAULT], or from another section as %(section/name)s (fail2ban:client/configparserinc.py).
func (f *file) value(section, key string) (string, bool, error) {
	text, found := f.raw(section, key)
	if !found {
		return "", false, nil
	}
	f.spent = 0
	text, err := f.interpolate(section, text, 0)
	return text, true, err
}

func (f *file) raw(section, key string) (string, bool) {
	if text, found := f.sections[section][key]; found {
		return text, true
	}
	text, found := f.sections["DEFAULT"][key]
	return text, found
}

func (f *file) interpolate(section, text string, depth int) (string, error) {
	if f.spent += len(text) + 1; depth > maxDepth || f.spent > maxValue { // a value may name another one twice, again and again
		return "", errDeep
	}
	var failed error
	out := named.ReplaceAllStringFunc(text, func(what string) string {
		if what == "%%" {
			return "%"
		}
		name := strings.ToLower(what[2 : len(what)-2])
		inner, found := f.raw(section, name)
		if other, key, foreign := strings.Cut(name, "/"); !found && foreign {
			switch {
			case other == "known" || other == "default": // a known value of this section was found above
				inner, found = f.sections["DEFAULT"][key]
			default:
				inner, found = f.inSection(other, key)
			}
		}
		if !found {
			if name == "__name__" {
				return section
			}
			failed = errors.Join(failed, hint.Errorf("write this value into jail.local or into the .local file of the filter; then run the command again", "the files of fail2ban have no value for %s", what))
			return ""
		}
		inner, err := f.interpolate(section, inner, depth+1)
		failed = errors.Join(failed, err)
		return inner
	})
	return out, failed
}

// inSection finds a section whatever the case of its name: interpolate has lowered it.
func (f *file) inSection(section, key string) (string, bool) {
	for _, name := range f.order {
		if strings.EqualFold(name, section) {
			text, found := f.sections[name][key]
			return text, found
		}
	}
	return "", false
}

// tags puts in each <name> that has a value, the inner one of <a-<b>> first
// (fail2ban:server/utils.py, substituteRecursiveTags). A name without a value stays.
func tags(text string, value func(name string) (string, bool)) (string, error) {
	for range maxDepth {
		changed, spent := false, 0
		text = tag.ReplaceAllStringFunc(text, func(what string) string {
			inner, found := value(strings.ToLower(what[1 : len(what)-1]))
			if !found || spent > maxValue {
				return what
			}
			changed = true
			spent += len(inner)
			return inner
		})
		if !changed {
			return text, nil
		}
		if len(text) > maxValue {
			return "", errDeep
		}
	}
	return "", errDeep
}
