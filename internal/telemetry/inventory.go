package telemetry

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/platenhq/platen"
	"github.com/platenhq/platen/internal/admission"
)

var (
	entityCount   = describe("platen_entities", "Entities that are not deleted, as they were last counted.", "kind")
	deletedCount  = describe("platen_deleted_sets", "Sets that are deleted and not yet removed for good, as they were last counted.")
	databaseBytes = describe("platen_database_bytes", "Size of the database on the disk, as it was last looked at.")
	freeBytes     = describe("platen_database_free_bytes", "Room in the database that has no content, as it was last looked at.")
	lastBackup    = describe("platen_last_backup_timestamp_seconds", "When the last backup was made, in seconds since 1970.")
	transactions  = describe("platen_history_transactions", "Transactions in the log of changes, as they were last counted.")
	logBytes      = describe("platen_history_bytes", "About how many bytes the log of changes has, as it was last looked at.")
	oldestChange  = describe("platen_history_oldest_timestamp_seconds", "When the oldest change was made that is kept, in seconds since 1970.")
	diskFree      = describe("platen_disk_free_bytes", "Room that is left on the disk of a directory.", "directory")
)

// An inventoryCollector implements [prometheus.Collector].
type inventoryCollector struct {
	last  func() *platen.Inventory
	disks []string
}

// WatchInventory adds what a server has, as it was last counted, and the room on
// the disks of directories, which each scrape asks for. last returns nil before it
// was counted. It is called once.
func (t *Telemetry) WatchInventory(last func() *platen.Inventory, directories []string) {
	t.registry.MustRegister(&inventoryCollector{last, slices.Compact(slices.Sorted(slices.Values(directories)))})
}

// Describe implements [prometheus.Collector].
func (c *inventoryCollector) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{entityCount, deletedCount, databaseBytes, freeBytes, lastBackup, transactions, logBytes, oldestChange, diskFree} {
		to <- desc
	}
}

// Collect implements [prometheus.Collector].
func (c *inventoryCollector) Collect(to chan<- prometheus.Metric) {
	send := func(desc *prometheus.Desc, value int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), labels...)
	}
	for _, directory := range c.disks {
		if free, err := admission.FreeDisk(directory); err == nil {
			send(diskFree, free, directory)
		}
	}
	have := c.last()
	if have == nil {
		return
	}
	for kind, count := range have.Entities {
		send(entityCount, count, kind.String())
	}
	send(deletedCount, have.DeletedSets)
	send(databaseBytes, have.Bytes)
	if have.FreeBytes >= 0 {
		send(freeBytes, have.FreeBytes)
	}
	if !have.LastBackup.IsZero() {
		send(lastBackup, have.LastBackup.Unix())
	}
	send(transactions, have.Transactions)
	send(logBytes, have.LogBytes)
	if !have.OldestChange.IsZero() {
		send(oldestChange, have.OldestChange.Unix())
	}
}
