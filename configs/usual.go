package configs

import "slices"

// HasUsualLogs reports whether a jail has the logs of the shipped jail of its name, so
// neither the jail file nor the main file names others.
func (j *Jail) HasUsualLogs() bool {
	shipped := ShippedJail(j.Name)
	return shipped != nil && slices.Equal(j.Logs, shipped.Logs)
}
