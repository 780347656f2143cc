package manifest

import "drover.dev/api"

// Item is one workload of a batch with the faults of its form.
type Item struct {
	Workload *api.Workload
	Faults   []api.FieldError // paths begin at the workload
}

// DecodeBatch reads the JSON of an api.Batch, {"workloads": [...]}. Faults of a
// workload are its item's; faults of the batch itself make it fail as a whole.
func DecodeBatch(data []byte) ([]Item, []api.FieldError) {
	if err := checkJSON(data); err != nil {
		return nil, syntaxFault(err)
	}
	r := jsonReader{data: data}
	if r.next(); r.data[r.at] != '{' {
		return nil, []api.FieldError{{Message: `is not an object; write {"workloads": [...]}`}}
	}
	var items []Item
	var faults []api.FieldError
	err := r.members(func(key string) error {
		r.nodes = maxNodes
		r.next()
		if key == "workloads" && items == nil && r.data[r.at] == '[' {
			var err error
			items, err = r.batch()
			return err
		}
		faults = append(faults, batchFault(key))
		return r.value(new(node))
	})
	if err != nil {
		return nil, syntaxFault(err)
	}
	if len(items) == 0 && faults == nil {
		faults = []api.FieldError{{Path: "workloads", Message: "is missing; write a list of workloads"}}
	}
	return items, faults
}

func batchFault(key string) api.FieldError {
	if key == "workloads" {
		return api.FieldError{Path: key, Message: "is not one list of workloads"}
	}
	return api.FieldError{Path: api.PathKey("", key), Message: "is not a known field; there is workloads"}
}

// batch reads the list of workloads, each on its own: what one took is free
// before the next.
func (r *jsonReader) batch() (items []Item, err error) {
	items = []Item{}
	err = r.each(func() error {
		if len(items) == api.MaxBatch {
			return broken(place{}, "has more than %d workloads", api.MaxBatch)
		}
		var n node
		r.nodes = maxNodes
		if err := r.value(&n); err != nil {
			return err
		}
		item := Item{Workload: new(api.Workload)}
		item.Faults = decodeWorkload(&n, item.Workload)
		items = append(items, item)
		return nil
	})
	return items, err
}
