package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"reflect"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
)

// LoadMain reads the main file. When explicit is false the file may be missing, and
// the built-in defaults apply then. An error is a Problem or Problems: nothing of a
// bad file is used.
func LoadMain(path string, explicit bool) (*Main, error) {
	data, err := read(path)
	if errors.Is(err, fs.ErrNotExist) && !explicit {
		return defaultMain(), nil
	}
	if err != nil {
		return nil, err
	}
	return parseMain(path, data)
}

// parseMain checks the text first, since viper folds keys to lower case and
// forgets lines (spf13/viper issue 1014), then lets viper decode the text if it has no fault.
func parseMain(file string, data []byte) (*Main, error) {
	checked, d := defaultMain(), newDecoder(file)
	if d.document(data, checked) {
		checked.keepAsRetention(d.given)
		checked.validate(d)
	}
	if err := d.result(); err != nil {
		return nil, err
	}

	v := viper.New()
	v.SetConfigType("yaml")
	if err := v.ReadConfig(bytes.NewReader(data)); err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", file, err)
	}
	m := defaultMain()
	if err := v.UnmarshalExact(m, strictly); err != nil {
		return nil, fmt.Errorf("cannot read the values of %s: %w", file, err)
	}
	m.Defaults, m.logsLine = checked.Defaults, d.given["logs"]
	m.Feeds, m.Notify = checked.Feeds, checked.Notify // viper knows neither the lines of list items nor their defaults
	m.Traps, m.Calls = checked.Traps, checked.Calls   // viper reads 0049 as 49
	m.keepAsRetention(d.given)
	m.File, m.Warnings = file, d.warnings
	return m, nil
}

// strictly makes viper use our names and our conversions.
func strictly(c *mapstructure.DecoderConfig) {
	c.TagName = "yaml"
	c.WeaklyTypedInput = false
	c.IgnoreUntaggedFields = true
	c.DecodeHook = func(_, to reflect.Type, data any) (any, error) {
		v := reflect.New(to).Elem()
		if to == reflect.TypeFor[Defaults]() {
			return Defaults{}, nil // taken from checked, which knows the keys that were written
		}
		if !isLeaf(v) {
			return data, nil
		}
		err := setLeaf(v, fmt.Sprint(data))
		return v.Interface(), err
	}
}
