package sqlstore

import (
	"context"
	"time"

	"github.com/platenhq/platen"
)

// inventoryRows is how many rows of entity are counted in one statement.
const inventoryRows = 20_000

// Inventory counts what there is, in short statements, so that it is no exact
// figure of one moment. It reads a row for each run of neighbouring entities.
func (s *Store) Inventory(ctx context.Context) (*platen.Inventory, error) {
	ctx, done := s.observe(ctx, "inventory")
	have := &platen.Inventory{At: time.Now(), Entities: make(map[platen.Kind]int64)}
	err := s.inventory(ctx, have)
	done(err)
	return have, s.error("count what there is", err)
}

func (s *Store) inventory(ctx context.Context, have *platen.Inventory) error {
	for kind := platen.DataSet; kind <= platen.Document; kind++ {
		have.Entities[kind] = 0
		for after, rows := int64(0), int64(inventoryRows); rows == inventoryRows; {
			var count int64
			if err := s.on(selectInventory).QueryRowContext(ctx, int64(kind), after, inventoryRows).Scan(&rows, &count, &after); err != nil {
				return err
			}
			have.Entities[kind] += count
		}
	}
	if err := s.on(selectDeletedCount).QueryRowContext(ctx).Scan(&have.DeletedSets); err != nil {
		return err
	}
	if err := s.on(selectSchemaNumber).QueryRowContext(ctx).Scan(&have.Schema); err != nil {
		return err
	}
	if s.engine.LastBackup != nil {
		have.LastBackup = s.engine.LastBackup()
	}
	if err := s.measureLog(ctx, have); err != nil {
		return err
	}
	var err error
	have.Bytes, have.FreeBytes, err = s.engine.Size(ctx)
	return err
}

// Of so many places in the log the size of so many blocks is looked at.
const (
	logPlaces = 16
	logBlocks = 16
)

var (
	selectLogBounds = onReader.query(`SELECT coalesce((SELECT min(id) FROM change_block), 0), coalesce((SELECT max(id) FROM change_block), 0),
		coalesce((SELECT at FROM change_block ORDER BY id LIMIT 1), 0), coalesce((SELECT max(position) FROM change_block), 0) - (SELECT pruned_position FROM change_log)
		+ (SELECT count(*) FROM change_block WHERE position IS NULL)`)
	selectLogSample = onReader.query(`SELECT count(*), CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM
		(SELECT octet_length(body) AS bytes FROM change_block WHERE id >= $1 ORDER BY id LIMIT ` + decimal(logBlocks) + `) AS sample`)
	selectPartBytes = onReader.query(`SELECT CAST(coalesce(sum(octet_length(body)), 0) AS BIGINT) FROM change_part`)
)

// measureLog looks at the log of changes here and there.
func (s *Store) measureLog(ctx context.Context, have *platen.Inventory) error {
	var first, last, oldest, blocks, seen, bytes int64
	if err := s.on(selectLogBounds).QueryRowContext(ctx).Scan(&first, &last, &oldest, &blocks); err != nil || first == 0 {
		return err
	}
	have.OldestChange, have.Transactions = time.UnixMicro(oldest), max(blocks, 1)
	step := max((last-first)/logPlaces, logBlocks)
	for at := first; at <= last; at += step {
		var n, size int64
		if err := s.on(selectLogSample).QueryRowContext(ctx, at).Scan(&n, &size); err != nil {
			return err
		}
		seen, bytes = seen+n, bytes+size
	}
	if err := s.on(selectPartBytes).QueryRowContext(ctx).Scan(&have.LogBytes); err != nil {
		return err
	}
	have.LogBytes += int64(float64(bytes) / float64(max(seen, 1)) * float64(have.Transactions))
	return nil
}
