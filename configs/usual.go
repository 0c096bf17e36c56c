package configs

import "slices"

// HasUsualLogs reports whether the logs of a jail are those of the shipped jail of its
// name: nobody has named others, in a file of the jail or in the main file.
func (j *Jail) HasUsualLogs() bool {
	shipped := ShippedJail(j.Name)
	return shipped != nil && slices.Equal(j.Logs, shipped.Logs)
}
