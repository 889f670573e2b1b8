/** Where the catalogue rests between visits: IndexedDB, or memory where that is closed. */

export interface Shelf {
  get<T>(key: string): Promise<T | null>;
  put(key: string, value: unknown): Promise<void>;
  /** Forgets every key that `keep` refuses. */
  prune(keep: (key: string) => boolean): Promise<void>;
}

export function memoryShelf(): Shelf {
  const values = new Map<string, unknown>();
  return {
    get: <T>(key: string) => Promise.resolve((values.get(key) as T | undefined) ?? null),
    put: (key, value) => {
      values.set(key, value);
      return Promise.resolve();
    },
    prune: (keep) => {
      for (const key of Array.from(values.keys())) if (!keep(key)) values.delete(key);
      return Promise.resolve();
    },
  };
}

const STORE = "documents";

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => {
      resolve(request.result);
    };
    request.onerror = () => {
      reject(request.error ?? new Error("storage failed"));
    };
  });
}

function open(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, 1);
  request.onupgradeneeded = () => {
    request.result.createObjectStore(STORE);
  };
  return settled(request);
}

/** A shelf that lasts. Each failure falls back to memory: a full disk must not keep anybody from watching. */
export function lastingShelf(name = "matinee"): Shelf {
  const spare = memoryShelf();
  const database = open(name).catch(() => null);
  const store = async (mode: IDBTransactionMode): Promise<IDBObjectStore | null> =>
    (await database)?.transaction(STORE, mode).objectStore(STORE) ?? null;
  return {
    get: async <T>(key: string) => {
      try {
        const opened = await store("readonly");
        const found = opened === null ? undefined : await settled<T | undefined>(opened.get(key));
        return found ?? (await spare.get<T>(key));
      } catch {
        return spare.get<T>(key);
      }
    },
    put: async (key, value) => {
      try {
        const opened = await store("readwrite");
        if (opened === null) await spare.put(key, value);
        else await settled(opened.put(value, key));
      } catch {
        await spare.put(key, value);
      }
    },
    prune: async (keep) => {
      await spare.prune(keep);
      try {
        const opened = await store("readwrite");
        if (opened === null) return;
        const keys = await settled(opened.getAllKeys());
        for (const key of keys) if (!keep(String(key))) opened.delete(key);
      } catch {
        // What could not be forgotten is tried again at the next visit.
      }
    },
  };
}
