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
	var err error
	have.Bytes, have.FreeBytes, err = s.engine.Size(ctx)
	return err
}
