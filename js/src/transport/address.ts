// Where a relay's Socket.IO is, from the relay's address: a proxy may serve a relay below a path.

export interface SocketIoAddress {
  origin: string;
  path: string;
}

/** `https://hub/user/ada/proxy/41234` has it at `/user/ada/proxy/41234/socket.io/`. */
export function socketIoAddress(url: string): SocketIoAddress {
  const { origin, pathname } = new URL("socket.io/", url.endsWith("/") ? url : `${url}/`);
  return { origin, path: pathname };
}
