"""The relay on the network: Socket.IO on aiohttp around the core."""
