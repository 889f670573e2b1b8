/** Small values kept on the device. Where storage is closed (private mode, full), memory stands in. */

export interface KeyValueStore {
  read<T>(key: string): T | null;
  write(key: string, value: unknown): void;
  remove(key: string): void;
}

const PREFIX = "matinee.";

/** A store that forgets everything when the page goes. */
export function memoryStore(): KeyValueStore {
  const values = new Map<string, string>();
  return {
    read: <T>(key: string) => {
      const text = values.get(key);
      return text === undefined ? null : (JSON.parse(text) as T);
    },
    write: (key, value) => void values.set(key, JSON.stringify(value)),
    remove: (key) => void values.delete(key),
  };
}

/** A store over localStorage or sessionStorage that never throws. */
export function webStore(open: () => Storage): KeyValueStore {
  const fallback = memoryStore();
  const attempt = <T>(action: (storage: Storage) => T, otherwise: () => T): T => {
    try {
      return action(open());
    } catch {
      return otherwise();
    }
  };
  return {
    read: <T>(key: string) =>
      attempt(
        (storage) => {
          const text = storage.getItem(PREFIX + key);
          return text === null ? fallback.read<T>(key) : (JSON.parse(text) as T);
        },
        () => fallback.read<T>(key),
      ),
    write: (key, value) => {
      attempt(
        (storage) => {
          storage.setItem(PREFIX + key, JSON.stringify(value));
        },
        () => {
          fallback.write(key, value);
        },
      );
    },
    remove: (key) => {
      fallback.remove(key);
      attempt(
        (storage) => {
          storage.removeItem(PREFIX + key);
        },
        () => undefined,
      );
    },
  };
}

/** Kept until the viewer signs out or clears the device. */
export const deviceStore = webStore(() => window.localStorage);
/** Kept for one visit in one tab. */
export const visitStore = webStore(() => window.sessionStorage);
